/* SPDX-License-Identifier: MIT */
/* See user.h. */
#include "common/process/user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/log.h"

#define NOBODY_GIVEN (-1)

static const struct passwd *find_user(const char *key, const char *name)
{
    const struct passwd *user = getpwnam(name);
    if (user == NULL)
        log_fatal(EX_CONFIG, "%s: there is no user %s", key, name);
    return user;
}

void daemon_lookup_user(const struct conf *conf, int *uid, int *gid)
{
    *uid = NOBODY_GIVEN;
    *gid = NOBODY_GIVEN;
    if (conf->user != NULL) {
        const struct passwd *user = find_user("server.user", conf->user);
        *uid = (int)user->pw_uid;
        *gid = (int)user->pw_gid;
    }
    if (conf->group != NULL) {
        const struct group *group = getgrnam(conf->group);
        if (group == NULL)
            log_fatal(EX_CONFIG, "server.group: there is no group %s", conf->group);
        *gid = (int)group->gr_gid;
    }
}

int daemon_lookup_tracker_user(const struct conf *conf)
{
    int uid, gid;
    if (conf->tracker_user != NULL)
        return (int)find_user("tracker.user", conf->tracker_user)->pw_uid;
    daemon_lookup_user(conf, &uid, &gid);
    return uid;
}

void daemon_make_folder(const char *path_of_file, mode_t mode, int uid, int gid)
{
    char *folder = path_of_file != NULL ? xstrdup(path_of_file) : NULL;
    char *slash = folder != NULL ? strrchr(folder, '/') : NULL;
    if (slash != NULL && slash != folder) {
        *slash = '\0';
        if (mkdir(folder, 0700) == 0 &&
            ((geteuid() == 0 && chown(folder, (uid_t)uid, (gid_t)gid) != 0) ||
             chmod(folder, mode) != 0))
            log_warn("folder %s: %s", folder, strerror(errno));
    }
    free(folder);
}

/* The groups first: without root they can no longer be changed. */
static int set_groups(int uid, int gid)
{
    gid_t group = (gid_t)gid;
    const struct passwd *user = uid != NOBODY_GIVEN ? getpwuid((uid_t)uid) : NULL;
    if (gid == NOBODY_GIVEN)
        return 0;
    int rc = user != NULL ? initgroups(user->pw_name, group) : setgroups(1, &group);
    return rc != 0 ? -1 : setresgid(group, group, group);
}

static int set_user(int uid)
{
    uid_t user = (uid_t)uid;
    return uid == NOBODY_GIVEN ? 0 : setresuid(user, user, user);
}

void daemon_drop_root(int uid, int gid)
{
    if (geteuid() != 0)
        return;
    if (uid <= 0)
        log_warn("running as root: server.user names whom to become instead");
    if (set_groups(uid, gid) != 0 || set_user(uid) != 0)
        log_fatal(EX_UNAVAILABLE, "cannot become uid %d, gid %d: %s", uid, gid, strerror(errno));
    if (uid > 0 && setresuid(0, 0, 0) == 0)
        log_fatal(EX_UNAVAILABLE, "left root, and could come back: refusing to run");
}

/* ---- capabilities ---------------------------------------------------------------------------- */

#define PORTS (UINT32_C(1) << CAP_NET_BIND_SERVICE)

static int set_capabilities(uint32_t set)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
        {.effective = set, .permitted = set, .inheritable = set}};
    return (int)syscall(SYS_capset, &head, data);
}

void daemon_drop_root_but_ports(int uid, int gid)
{
    if (geteuid() != 0 || uid <= 0) {
        daemon_drop_root(uid, gid);
        return;
    }
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    daemon_drop_root(uid, gid);
    /* Ambient: the binary that an upgrade executes has it too. Without it (a container may forbid
     * it) only a later port below 1024 is refused. */
    if (set_capabilities(PORTS) != 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) != 0)
        log_debug("the right to bind ports below 1024 is gone: %s", strerror(errno));
}

void daemon_drop_rights(void)
{
    if (geteuid() == 0)
        return;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (set_capabilities(0) != 0)
        log_warn("capabilities could not be dropped: %s", strerror(errno));
}
