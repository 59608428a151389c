# see Makefile.am
# The pure files: no sockets, no clock, no libevent, no curl, no log. Unit tests and fuzzers link this.
noinst_LIBRARIES += libpure.a
libpure_a_SOURCES = \
	server/bytescan.h \
	server/chat.c server/chat.h \
	server/chunk.c server/chunk.h \
	server/http1.c server/http1.h \
	server/http1_chunked.c \
	server/httpdate.c server/httpdate.h \
	server/jsonscan.c server/jsonscan.h \
	server/limits.c server/limits.h \
	server/sse.c server/sse.h
