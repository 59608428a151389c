# SPDX-License-Identifier: MIT
# What the system around the daemons needs: sample configuration, init scripts, systemd's files,
# logrotate, completion, monitoring, Debian packages. `configure --with-NAMEdir=no` leaves one out.

# ---- samples: one that is there already is somebody's work and stays. They are installed for their
# owner and group only, since they will hold keys: chgrp them to the group the daemons run as.
SAMPLES = weir.yaml environment
EXTRA_DIST += etc/weir.yaml etc/environment
install-data-local: install-samples
install-samples:
	$(MKDIR_P) "$(DESTDIR)$(sysconfdir)/weir"
	for sample in $(SAMPLES); do \
	  test -e "$(DESTDIR)$(sysconfdir)/weir/$$sample" || \
	    $(INSTALL) -m 0640 "$(srcdir)/etc/$$sample" "$(DESTDIR)$(sysconfdir)/weir/$$sample" || exit 1; \
	done
uninstall-local: uninstall-samples
uninstall-samples:
	for sample in $(SAMPLES); do \
	  ! cmp -s "$(srcdir)/etc/$$sample" "$(DESTDIR)$(sysconfdir)/weir/$$sample" || \
	    rm -f "$(DESTDIR)$(sysconfdir)/weir/$$sample"; \
	done
	-test ! -d "$(DESTDIR)$(sysconfdir)/weir" || \
	  rmdir --ignore-fail-on-non-empty "$(DESTDIR)$(sysconfdir)/weir"
.PHONY: install-samples uninstall-samples

# ---- templates: the folders of this build are put in.
etc_edit = $(AM_V_GEN)$(MKDIR_P) etc && sed \
	-e 's|@sbindir[@]|$(sbindir)|g' \
	-e 's|@sysconfdir[@]|$(sysconfdir)|g' \
	-e 's|@runstatedir[@]|$(runstatedir)|g' \
	-e 's|@localstatedir[@]|$(localstatedir)|g'
ETC_TEMPLATES = \
	etc/weir.service \
	etc/weir-trackerd.service \
	etc/weir.tmpfiles \
	etc/weir.logrotate
ETC_INIT = etc/weir.init etc/weir-trackerd.init
EXTRA_DIST += $(ETC_TEMPLATES:=.in) $(ETC_INIT:=.in) etc/init.sh.in \
	etc/weir.sysusers etc/weirctl.bash-completion
CLEANFILES += $(ETC_TEMPLATES) $(ETC_INIT) etc/init.sh

$(ETC_TEMPLATES) etc/init.sh: etc/%: etc/%.in Makefile
	$(etc_edit) $< > $@.tmp && mv $@.tmp $@
# The two scripts differ in their heads only.
$(ETC_INIT): etc/%.init: etc/%.init.in etc/init.sh
	$(etc_edit) -e '/^@initlib[@]$$/{' -e 'r etc/init.sh' -e 'd' -e '}' $< > $@.tmp && \
	  chmod +x $@.tmp && mv $@.tmp $@

# ---- where they go. A folder that is not wanted is empty, and then nothing is installed there.
if WITH_SYSTEMD
systemdsystemunit_DATA = etc/weir.service etc/weir-trackerd.service
else
noinst_DATA += etc/weir.service etc/weir-trackerd.service
endif
noinst_SCRIPTS += $(ETC_INIT)
noinst_DATA += etc/weir.tmpfiles etc/weir.logrotate

# install_as DIRECTORY SOURCE NAME MODE: under another name than its own.
install_as = \
	if test -n "$(1)"; then \
	  $(MKDIR_P) "$(DESTDIR)$(1)" && $(INSTALL) -m $(4) $(2) "$(DESTDIR)$(1)/$(3)"; \
	fi
remove_as = if test -n "$(1)"; then rm -f "$(DESTDIR)$(1)/$(2)"; fi

# ---- monitoring: for Prometheus and Grafana, wherever those run.
weirdatadir = $(datadir)/weir
dist_weirdata_DATA = etc/grafana-dashboard.json etc/prometheus-alerts.yml

install-data-local: install-etc
install-etc: $(ETC_TEMPLATES) $(ETC_INIT)
	$(call install_as,$(initddir),etc/weir.init,weir,0755)
	$(call install_as,$(initddir),etc/weir-trackerd.init,weir-trackerd,0755)
	$(call install_as,$(sysusersdir),$(srcdir)/etc/weir.sysusers,weir.conf,0644)
	$(call install_as,$(tmpfilesdir),etc/weir.tmpfiles,weir.conf,0644)
	$(call install_as,$(logrotatedir),etc/weir.logrotate,weir,0644)
	for name in weirctl weir weir-trackerd; do \
	  $(call install_as,$(bashcompletiondir),$(srcdir)/etc/weirctl.bash-completion,$$name,0644); \
	done
uninstall-local: uninstall-etc
uninstall-etc:
	$(call remove_as,$(initddir),weir)
	$(call remove_as,$(initddir),weir-trackerd)
	$(call remove_as,$(sysusersdir),weir.conf)
	$(call remove_as,$(tmpfilesdir),weir.conf)
	$(call remove_as,$(logrotatedir),weir)
	for name in weirctl weir weir-trackerd; do $(call remove_as,$(bashcompletiondir),$$name); done
.PHONY: install-etc uninstall-etc

# ---- Debian packages, in deb/ of the build directory: the release as it would be packed, built by
# debhelper and checked by lintian. Needs dpkg-dev, debhelper and lintian; no network.
EXTRA_DIST += etc/debian
.PHONY: deb clean-deb
deb:
	@for tool in dpkg-buildpackage dh lintian; do \
	  command -v $$tool >/dev/null || { \
	    echo "$$tool is missing: apt-get install dpkg-dev debhelper lintian" >&2; exit 69; }; \
	done
	@head -n 1 $(srcdir)/etc/debian/changelog | grep -qF '($(VERSION))' || { \
	  echo 'etc/debian/changelog is not about version $(VERSION)' >&2; exit 1; }
	rm -rf deb && $(MKDIR_P) deb
	$(MAKE) $(AM_MAKEFLAGS) distdir distdir=deb/$(distdir)
	cp -R $(srcdir)/etc/debian deb/$(distdir)/debian
	chmod -R u+w deb/$(distdir)
	cd deb/$(distdir) && dpkg-buildpackage -us -uc -b
	lintian --fail-on error --suppress-tags bad-distribution-in-changes-file deb/*.changes
clean-local: clean-deb
clean-deb:
	rm -rf deb
