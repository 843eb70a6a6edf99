/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds darwin_abi.h against what the SDK declares. Compiled on a Mac only, and
 * nothing in it runs: a difference is an error here and not a wrong call there.
 * What an SDK does not have is passed over; the values in the header are asserted
 * in any case.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/sockio.h>
#include <sys/time.h>

#include <net/if.h>
#include <netinet/in.h>

#include "darwin_abi.h"

#if __has_include(<net/bpf.h>)
#include <net/bpf.h>
#endif
#if __has_include(<netinet/in_var.h>)
#include <netinet/in_var.h>
#endif
#if __has_include(<sys/kern_event.h>)
#include <sys/kern_event.h>
#endif
#include <net/net_kev.h>

#define SAME(name) \
	static_assert((uint32_t)(name) == (uint32_t)DW_##name, \
	    #name " is another one in the SDK")
#define SAME_SIZE(theirs, ours) \
	static_assert(sizeof(struct theirs) == sizeof(struct ours), \
	    "struct " #theirs " is another one in the SDK")

SAME(AF_INET);
SAME(AF_LINK);
SAME(AF_INET6);
SAME(IFF_UP);
SAME(IFF_RUNNING);
SAME_SIZE(ifreq, dw_ifreq);
SAME_SIZE(ifdrv, dw_ifdrv);
SAME_SIZE(sockaddr_in, dw_sockaddr_in);
SAME_SIZE(sockaddr_in6, dw_sockaddr_in6);
SAME_SIZE(timeval, dw_timeval);
static_assert(offsetof(struct ifreq, ifr_ifru) == 16, "ifreq");
static_assert(offsetof(struct ifdrv, ifd_data) == 32, "ifdrv");

SAME(SIOCSIFFLAGS);
SAME(SIOCGIFFLAGS);
SAME(SIOCDIFADDR);
SAME(SIOCGIFMTU);
SAME(SIOCSIFMTU);
SAME(SIOCSIFLLADDR);
SAME(SIOCGIFDEVMTU);
SAME(SIOCIFDESTROY);
SAME(SIOCIFCREATE2);
SAME(SIOCSDRVSPEC);
SAME(SIOCGDRVSPEC);
#ifdef SIOCAIFADDR_IN6
SAME(SIOCAIFADDR_IN6);
#endif
#ifdef SIOCSIFDESC
SAME(SIOCSIFDESC);
#endif
#ifdef SIOCSKEVFILT
SAME(SIOCSKEVFILT);
#endif
#ifdef KEV_DL_SIFFLAGS
SAME(KEV_DL_SIFFLAGS);
#endif
#ifdef BIOCSETIF
SAME(BIOCGBLEN);
SAME(BIOCSBLEN);
SAME(BIOCSETF);
SAME(BIOCFLUSH);
SAME(BIOCPROMISC);
SAME(BIOCGDLT);
SAME(BIOCGETIF);
SAME(BIOCSETIF);
SAME(BIOCIMMEDIATE);
SAME(BIOCGSTATS);
SAME(BIOCGHDRCMPLT);
SAME(BIOCSHDRCMPLT);
SAME(BIOCGSEESENT);
SAME(BIOCSSEESENT);
#endif
