# see Makefile.am
dist_man_MANS += man/weir.8
