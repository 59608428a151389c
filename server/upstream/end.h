/* SPDX-License-Identifier: MIT */
/* How a transfer ends: what the attempt's classifier decides on. Pure. */
#ifndef WEIR_SERVER_UPSTREAM_END_H
#define WEIR_SERVER_UPSTREAM_END_H

enum transfer_end {
    TRANSFER_COMPLETE, /* as far as HTTP's framing tells; a close-delimited body cannot be verified
                        */
    TRANSFER_DNS,
    TRANSFER_CONNECT,
    TRANSFER_TLS,
    TRANSFER_LOST,     /* after connecting, before the head was complete */
    TRANSFER_CUT,      /* in the body */
    TRANSFER_BAD_HEAD, /* too large, or not HTTP */
};

#endif
