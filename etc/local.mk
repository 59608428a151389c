# The sample configuration; one that is there already is somebody's work and stays. It is installed
# for its owner and group only, since it will hold keys: chgrp it to the group the daemons run as.
EXTRA_DIST += etc/weir.yaml
install-data-local: install-sample-conf
install-sample-conf:
	$(MKDIR_P) "$(DESTDIR)$(sysconfdir)/weir"
	test -e "$(DESTDIR)$(sysconfdir)/weir/weir.yaml" || \
	  $(INSTALL) -m 0640 "$(srcdir)/etc/weir.yaml" "$(DESTDIR)$(sysconfdir)/weir/weir.yaml"
uninstall-local: uninstall-sample-conf
uninstall-sample-conf:
	! cmp -s "$(srcdir)/etc/weir.yaml" "$(DESTDIR)$(sysconfdir)/weir/weir.yaml" || \
	  rm -f "$(DESTDIR)$(sysconfdir)/weir/weir.yaml"
.PHONY: install-sample-conf uninstall-sample-conf
