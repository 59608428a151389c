/* SPDX-License-Identifier: MIT */
/* The tracker's socket: accepts workers and weirctl, knows who they are, checks what they send, and
 * hands events to apply.c and commands to control.c. Fair: each peer gets a few packets a turn.
 * What cannot be understood changes nothing, is counted, and ends its connection. */
#ifndef WEIR_TRACKERD_DAEMON_INTAKE_H
#define WEIR_TRACKERD_DAEMON_INTAKE_H

#include "trackerd/table/keeper.h"

/* Peers at once; further ones are turned away. */
#define INTAKE_PEERS_MAX 2048
/* Of these, of users who may only look. */
#define INTAKE_GUESTS_MAX 64
/* Packets of one peer in one turn of the loop, so that one that floods does not starve others. */
#define INTAKE_PACKETS_A_TURN 8
/* A peer that has not said a valid word by then is turned away. */
#define INTAKE_SILENCE_MS 10000

struct intake;

/* Listens on the socket of the settings. uid: the user of the workers, gid: the socket's group; -1
 * = none. base and keeper are borrowed until intake_free. NULL with errno. */
struct intake *intake_new(struct event_base *base, struct keeper *keeper, int uid, int gid);
void intake_free(struct intake **intake);

/* Listens anew when somebody removed the socket's file. */
void intake_keep_socket(struct intake *intake);

#endif
