/* SPDX-License-Identifier: MIT */
/* The tracker's socket: accepts workers and weirctl, checks what they send and whether they may,
 * hands events to table/apply.c and commands to control.c, and sends every change to the peers that
 * follow. Made by trackerd.c; does not know what an event means. Fair: each peer gets a few packets
 * a turn. A message that cannot be parsed is counted, changes nothing, and closes the connection.
 *
 * Known weaknesses: nothing is buffered for a slow peer, so a reply that does not fit into its
 * socket is lost; and trusted users may take all places for as long as they like. */
#ifndef WEIR_TRACKERD_DAEMON_INTAKE_H
#define WEIR_TRACKERD_DAEMON_INTAKE_H

#include "common/base/attributes.h"
#include "trackerd/table/keeper.h"

/* Peers at once; further ones are turned away. */
#define INTAKE_PEERS_MAX 2048
/* Of these, of users who may only look. */
#define INTAKE_GUESTS_MAX 64
/* Packets of one peer in one turn of the loop, so that a flood does not starve the others. */
#define INTAKE_PACKETS_A_TURN 8
/* A peer that has sent no valid message by then is disconnected. */
#define INTAKE_SILENCE_MS 10000

struct intake;

/* Listens on the socket of the settings. uid: the user of the workers, gid: the socket's group; -1
 * = none. base and keeper are borrowed until intake_free. NULL with errno. */
WEIR_MUST_CHECK struct intake *intake_new(struct event_base *base, struct keeper *keeper, int uid,
                                          int gid);
void intake_free(struct intake **intake);

/* Listens again if the socket's file was removed. Call it periodically. */
void intake_keep_socket(struct intake *intake);

#endif
