# SPDX-License-Identifier: MIT
# End-to-end cases on real daemons: `make check-e2e`. Not in `make check`, which must also work where
# only the compiler is; `./quickstart check` runs both.
EXTRA_DIST += \
	tests/e2e/run \
	tests/e2e/catalogue \
	tests/e2e/browser.py \
	tests/e2e/certs.py \
	tests/e2e/daemons.py \
	tests/e2e/eventline.py \
	tests/e2e/faults.py \
	tests/e2e/lonetracker.py \
	tests/e2e/rawhttp.py \
	tests/e2e/rawprovider.py \
	tests/e2e/weirtest.py \
	tests/e2e/test_answers.py \
	tests/e2e/test_body.py \
	tests/e2e/test_catalogue.py \
	tests/e2e/test_config.py \
	tests/e2e/test_core.py \
	tests/e2e/test_curl.py \
	tests/e2e/test_daemons.py \
	tests/e2e/test_provider_types.py \
	tests/e2e/test_endpoints.py \
	tests/e2e/test_errors.py \
	tests/e2e/test_field_faults.py \
	tests/e2e/test_weirctl_explain.py \
	tests/e2e/test_framing.py \
	tests/e2e/test_gate.py \
	tests/e2e/test_hostile.py \
	tests/e2e/test_lifecycle.py \
	tests/e2e/test_limits.py \
	tests/e2e/test_logs.py \
	tests/e2e/test_memory.py \
	tests/e2e/test_metrics.py \
	tests/e2e/test_module.py \
	tests/e2e/test_weirctl_probe.py \
	tests/e2e/test_relay.py \
	tests/e2e/test_weirctl_route.py \
	tests/e2e/test_routing.py \
	tests/e2e/test_slowclients.py \
	tests/e2e/test_status.py \
	tests/e2e/test_statuspage.py \
	tests/e2e/test_streams.py \
	tests/e2e/test_times.py \
	tests/e2e/test_tls.py \
	tests/e2e/test_tracker.py \
	tests/e2e/test_tracker_damage.py \
	tests/e2e/test_tracker_kills.py \
	tests/e2e/test_tracker_peers.py \
	tests/e2e/test_tracker_reboot.py \
	tests/e2e/test_weirctl.py

.PHONY: check-e2e
check-e2e: all
	WEIR_BUILD='$(abs_top_builddir)' $(srcdir)/tests/e2e/run $(E2E)

clean-local: clean-e2e
.PHONY: clean-e2e
clean-e2e:
	rm -rf e2e-logs
