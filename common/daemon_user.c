/* Whom a daemon runs as, see daemon.h. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"

#define NOBODY_GIVEN (-1)

void daemon_lookup_user(const struct conf *conf, int *uid, int *gid)
{
    *uid = NOBODY_GIVEN;
    *gid = NOBODY_GIVEN;
    if (conf->user != NULL) {
        const struct passwd *user = getpwnam(conf->user);
        if (user == NULL)
            log_fatal(EX_CONFIG, "server.user: there is no user %s", conf->user);
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
    if (set_groups(uid, gid) != 0 || set_user(uid) != 0)
        log_fatal(EX_UNAVAILABLE, "cannot become uid %d, gid %d: %s", uid, gid, strerror(errno));
    if (uid > 0 && setresuid(0, 0, 0) == 0)
        log_fatal(EX_UNAVAILABLE, "left root, and could come back: refusing to run");
}
