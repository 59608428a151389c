# SPDX-License-Identifier: MIT
# see Makefile.am
dist_man_MANS += man/weir.8
dist_man_MANS += man/weir.yaml.5
dist_man_MANS += man/weir-table.7
dist_man_MANS += man/weir-trackerd.8
dist_man_MANS += man/weirctl.8
