# see Makefile.am
dist_man_MANS += man/weir.8
dist_man_MANS += man/weir.yaml.5
