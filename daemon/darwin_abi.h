/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What XNU's feth, BPF and kernel events look like to a program: structs, ioctl
 * numbers, constants. Most of it is in no SDK (net/if_fake_var.h, all that BPF
 * got since 2008), and what is there differs in how much of it, so all of it is
 * declared here under names of our own (dw_, DW_). Every size, offset and number
 * is asserted below, against the values of 64-bit macOS 12 to 15 and, in
 * darwin_abi.c, against the SDK's own declarations where it has them.
 *
 * The same header serves the simulated macOS on Linux (tests/sim/): there the
 * ioctl numbers are in Linux's encoding, whose direction bits are Darwin's
 * reversed, as that kernel copies the arguments. Darwin's own numbers are
 * checked on both. For backend_feth.c, feth_if.c, bpf.c and their tests only.
 */
#ifndef FETHD_DARWIN_ABI_H
#define FETHD_DARWIN_ABI_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define DW_IFNAMSIZ	16
#define DW_AF_INET	2
#define DW_AF_LINK	18
#define DW_AF_INET6	30

/* Flags of an interface. */
#define DW_IFF_UP	0x1
#define DW_IFF_RUNNING	0x40

/* net/if.h */
struct dw_ifreq {
	char		name[DW_IFNAMSIZ];
	union {
		struct {
			uint8_t	len, family, data[14];
		} addr;
		int16_t		flags;
		int32_t		mtu;
		int32_t		value;
		struct {
			int32_t	current, min, max;
		} devmtu;
		void		*data;
		uint8_t		bytes[16];
	} u;
};

/* The public one is packed to 4; on 64 bits that changes nothing. */
struct dw_ifdrv {
	char		name[DW_IFNAMSIZ];
	uint64_t	cmd;		/* unsigned long */
	uint64_t	len;		/* size_t */
	void		*data;
};

/* net/if_fake_var.h */
struct dw_fake_request {
	uint64_t	reserved[4];	/* EINVAL when not all 0 */
	union {
		char	peer[DW_IFNAMSIZ];	/* "": none */
		uint8_t	bytes[128];
	} u;
};
#define DW_FAKE_SET_PEER	1
#define DW_FAKE_GET_PEER	1
#define DW_FAKE_MTU_MIN		72
#define DW_FAKE_MTU_MAX		16370	/* what sysctl max_mtu takes */

/* net/if.h, private */
struct dw_descreq {
	char		name[DW_IFNAMSIZ];
	uint32_t	len;
	uint8_t		desc[128];
};

struct dw_sockaddr_in {
	uint8_t		len, family;
	uint16_t	port;
	uint8_t		addr[4];
	uint8_t		zero[8];
};

struct dw_sockaddr_in6 {
	uint8_t		len, family;
	uint16_t	port;
	uint32_t	flowinfo;
	uint8_t		addr[16];
	uint32_t	scope;
};

/* netinet/in_var.h: struct in_aliasreq */
struct dw_aliasreq {
	char			name[DW_IFNAMSIZ];
	struct dw_sockaddr_in	addr, broadcast, mask;
};

/* netinet6/in6_var.h */
struct dw_aliasreq6 {
	char			name[DW_IFNAMSIZ];
	struct dw_sockaddr_in6	addr, dst, mask;
	int32_t			flags;
	int64_t			expire, preferred;	/* time_t */
	uint32_t		vltime, pltime;
};
#define DW_IN6_IFF_NODAD	0x20
#define DW_ND6_INFINITE		UINT32_MAX

/* net/bpf.h */
struct dw_timeval {
	int64_t		sec;
	int32_t		usec;
};

struct dw_bpf_hdr {
	int32_t		sec, usec;	/* timeval32 */
	uint32_t	caplen, datalen;
	uint16_t	hdrlen;		/* of the header: 18 on Ethernet */
};

struct dw_bpf_stat {
	uint32_t	recv, drop;
};

struct dw_bpf_insn {
	uint16_t	code;
	uint8_t		jt, jf;
	uint32_t	k;
};

struct dw_bpf_program {
	uint32_t	len;
	struct dw_bpf_insn *insns;
};

#define DW_BPF_NODES	256		/* of the whole system */
#define DW_BPF_BLEN	4096		/* of a descriptor that set none */
#define DW_BPF_D_IN	1		/* BIOCSDIRECTION */
#define DW_BPF_WRITE_12	2048		/* a write's limit up to macOS 13 */
#define DW_BPF_TAG	4		/* what is allowed over the MTU from 14 */
#define DW_DLT_EN10MB	1

/* sys/kern_event.h and net/net_kev.h */
struct dw_kev_request {
	uint32_t	vendor, class, subclass;
};

struct dw_kev {
	uint32_t	size, vendor, class, subclass, id, code;
	/* struct net_event_data */
	uint32_t	if_family, if_unit;
	char		if_name[16];	/* "feth", without the unit */
};
#define DW_KEV_VENDOR_APPLE	1
#define DW_KEV_NETWORK		1
#define DW_KEV_DL		2
#define DW_KEV_DL_SIFFLAGS	1
#define DW_KEV_DL_ATTACHED	9
#define DW_KEV_DL_DETACHING	10
#define DW_KEV_DL_DETACHED	11
#define DW_KEV_DL_LINK_OFF	12
#define DW_KEV_DL_LINK_ON	13

struct dw_nothing {
	char		none[1];
};

/*
 * The ioctls: name, direction, group, number, argument, and the number that it
 * must have on Darwin. R is _IOR (out of the kernel), W is _IOW. An IOW number
 * carries the size of its argument, so that sizes are checked with it.
 */
#define DW_IOCTLS(X) \
	X(SIOCSIFFLAGS,		W,  'i',  16, struct dw_ifreq,	0x80206910u) \
	X(SIOCGIFFLAGS,		RW, 'i',  17, struct dw_ifreq,	0xc0206911u) \
	X(SIOCDIFADDR,		W,  'i',  25, struct dw_ifreq,	0x80206919u) \
	X(SIOCAIFADDR,		W,  'i',  26, struct dw_aliasreq, 0x8040691au) \
	X(SIOCAIFADDR_IN6,	W,  'i',  26, struct dw_aliasreq6, 0x8080691au) \
	X(SIOCGIFMTU,		RW, 'i',  51, struct dw_ifreq,	0xc0206933u) \
	X(SIOCSIFMTU,		W,  'i',  52, struct dw_ifreq,	0x80206934u) \
	X(SIOCSIFLLADDR,	W,  'i',  60, struct dw_ifreq,	0x8020693cu) \
	X(SIOCGIFDEVMTU,	RW, 'i',  68, struct dw_ifreq,	0xc0206944u) \
	X(SIOCIFDESTROY,	W,  'i', 121, struct dw_ifreq,	0x80206979u) \
	X(SIOCIFCREATE2,	RW, 'i', 122, struct dw_ifreq,	0xc020697au) \
	X(SIOCSDRVSPEC,		W,  'i', 123, struct dw_ifdrv,	0x8028697bu) \
	X(SIOCGDRVSPEC,		RW, 'i', 123, struct dw_ifdrv,	0xc028697bu) \
	X(SIOCSIFDESC,		RW, 'i', 143, struct dw_descreq, 0xc094698fu) \
	X(SIOCGIFDESC,		RW, 'i', 144, struct dw_descreq, 0xc0946990u) \
	X(SIOCGIFLLADDR,	RW, 'i', 158, struct dw_ifreq,	0xc020699eu) \
	X(SIOCGIFTYPE,		RW, 'i', 159, struct dw_ifreq,	0xc020699fu) \
	X(SIOCSKEVFILT,		W,  'e',   2, struct dw_kev_request, 0x800c6502u) \
	X(BIOCGBLEN,		R,  'B', 102, uint32_t,		0x40044266u) \
	X(BIOCSBLEN,		RW, 'B', 102, uint32_t,		0xc0044266u) \
	X(BIOCSETF,		W,  'B', 103, struct dw_bpf_program, 0x80104267u) \
	X(BIOCFLUSH,		N,  'B', 104, struct dw_nothing, 0x20004268u) \
	X(BIOCPROMISC,		N,  'B', 105, struct dw_nothing, 0x20004269u) \
	X(BIOCGDLT,		R,  'B', 106, uint32_t,		0x4004426au) \
	X(BIOCGETIF,		R,  'B', 107, struct dw_ifreq,	0x4020426bu) \
	X(BIOCSETIF,		W,  'B', 108, struct dw_ifreq,	0x8020426cu) \
	X(BIOCSRTIMEOUT,	W,  'B', 109, struct dw_timeval, 0x8010426du) \
	X(BIOCGRTIMEOUT,	R,  'B', 110, struct dw_timeval, 0x4010426eu) \
	X(BIOCGSTATS,		R,  'B', 111, struct dw_bpf_stat, 0x4008426fu) \
	X(BIOCIMMEDIATE,	W,  'B', 112, uint32_t,		0x80044270u) \
	X(BIOCGHDRCMPLT,	R,  'B', 116, uint32_t,		0x40044274u) \
	X(BIOCSHDRCMPLT,	W,  'B', 117, uint32_t,		0x80044275u) \
	X(BIOCGSEESENT,		R,  'B', 118, uint32_t,		0x40044276u) \
	X(BIOCSSEESENT,		W,  'B', 119, uint32_t,		0x80044277u) \
	X(BIOCSETTC,		W,  'B', 123, int32_t,		0x8004427bu) \
	X(BIOCSEXTHDR,		W,  'B', 124, uint32_t,		0x8004427cu) \
	X(BIOCGIFATTACHCOUNT,	RW, 'B', 125, struct dw_ifreq,	0xc020427du) \
	X(BIOCSETFNR,		W,  'B', 126, struct dw_bpf_program, 0x8010427eu) \
	X(BIOCGHEADDROP,	R,  'B', 128, int32_t,		0x40044280u) \
	X(BIOCSHEADDROP,	W,  'B', 128, int32_t,		0x80044280u) \
	X(BIOCGDIRECTION,	R,  'B', 138, int32_t,		0x4004428au) \
	X(BIOCSDIRECTION,	W,  'B', 139, int32_t,		0x8004428bu) \
	X(BIOCSWRITEMAX,	W,  'B', 140, uint32_t,		0x8004428cu) \
	X(BIOCGWRITEMAX,	R,  'B', 141, uint32_t,		0x4004428du) \
	X(BIOCGBATCHWRITE,	R,  'B', 142, int32_t,		0x4004428eu) \
	X(BIOCSBATCHWRITE,	W,  'B', 143, int32_t,		0x8004428fu) \
	X(BIOCGNOTSTAMP,	R,  'B', 144, int32_t,		0x40044290u) \
	X(BIOCSNOTSTAMP,	W,  'B', 145, int32_t,		0x80044291u) \
	X(BIOCSDVRTIN,		W,  'B', 146, int32_t,		0x80044292u) \
	X(BIOCGDVRTIN,		R,  'B', 146, int32_t,		0x40044292u)

/* Darwin's encoding: direction, 13 bits of size, group, number. */
#define DW_DIR_N	0x20000000u
#define DW_DIR_R	0x40000000u
#define DW_DIR_W	0x80000000u
#define DW_DIR_RW	0xc0000000u
#define DW_LEN_N(type)	0u
#define DW_LEN_R(type)	((uint32_t)sizeof(type))
#define DW_LEN_W(type)	((uint32_t)sizeof(type))
#define DW_LEN_RW(type)	((uint32_t)sizeof(type))
#define DW_DARWIN(dir, group, number, type) \
	(DW_DIR_##dir | (DW_LEN_##dir(type) & 0x1fffu) << 16 | \
	(uint32_t)(group) << 8 | (number))

#ifdef __APPLE__
#define DW_HERE(dir, group, number, type) DW_DARWIN(dir, group, number, type)
#else
#define DW_LINUX_N	_IOC_NONE
#define DW_LINUX_R	_IOC_READ
#define DW_LINUX_W	_IOC_WRITE
#define DW_LINUX_RW	(_IOC_READ | _IOC_WRITE)
#define DW_HERE(dir, group, number, type) \
	((uint32_t)_IOC(DW_LINUX_##dir, group, number, DW_LEN_##dir(type)))
#endif

enum dw_ioctl {
#define X(name, dir, group, number, type, value) \
	DW_##name = DW_HERE(dir, group, number, type),
	DW_IOCTLS(X)
#undef X
};

#define X(name, dir, group, number, type, value) \
	static_assert(DW_DARWIN(dir, group, number, type) == (value), \
	    #name " has another number on Darwin");
DW_IOCTLS(X)
#undef X

#define DW_SIZE(type, size) \
	static_assert(sizeof(struct type) == (size), #type ": size")
#define DW_AT(type, field, offset) \
	static_assert(offsetof(struct type, field) == (offset), \
	    #type "." #field ": offset")

DW_SIZE(dw_ifreq, 32);
DW_AT(dw_ifreq, u, 16);
DW_AT(dw_ifreq, u.addr.data, 18);
DW_AT(dw_ifreq, u.devmtu.max, 24);
DW_SIZE(dw_ifdrv, 40);
DW_AT(dw_ifdrv, cmd, 16);
DW_AT(dw_ifdrv, len, 24);
DW_AT(dw_ifdrv, data, 32);
DW_SIZE(dw_fake_request, 160);
DW_AT(dw_fake_request, u, 32);
DW_SIZE(dw_descreq, 148);
DW_AT(dw_descreq, len, 16);
DW_AT(dw_descreq, desc, 20);
DW_SIZE(dw_sockaddr_in, 16);
DW_AT(dw_sockaddr_in, addr, 4);
DW_SIZE(dw_sockaddr_in6, 28);
DW_AT(dw_sockaddr_in6, addr, 8);
DW_SIZE(dw_aliasreq, 64);
DW_AT(dw_aliasreq, broadcast, 32);
DW_AT(dw_aliasreq, mask, 48);
DW_SIZE(dw_aliasreq6, 128);
DW_AT(dw_aliasreq6, dst, 44);
DW_AT(dw_aliasreq6, mask, 72);
DW_AT(dw_aliasreq6, flags, 100);
DW_AT(dw_aliasreq6, expire, 104);
DW_AT(dw_aliasreq6, preferred, 112);
DW_AT(dw_aliasreq6, vltime, 120);
DW_AT(dw_aliasreq6, pltime, 124);
DW_SIZE(dw_timeval, 16);
DW_SIZE(dw_bpf_hdr, 20);
DW_AT(dw_bpf_hdr, caplen, 8);
DW_AT(dw_bpf_hdr, datalen, 12);
DW_AT(dw_bpf_hdr, hdrlen, 16);
DW_SIZE(dw_bpf_stat, 8);
DW_SIZE(dw_bpf_insn, 8);
DW_SIZE(dw_bpf_program, 16);
DW_AT(dw_bpf_program, insns, 8);
DW_SIZE(dw_kev_request, 12);
DW_SIZE(dw_kev, 48);
DW_AT(dw_kev, code, 20);
DW_AT(dw_kev, if_unit, 28);
DW_AT(dw_kev, if_name, 32);

#endif
