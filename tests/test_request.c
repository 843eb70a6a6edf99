/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every method, from the bytes of a call to the bytes of the reply: request.c
 * with all that is below it. conn.c is the recorder here; the warden, where the
 * backend has one, is the test, which does what it is asked, or waits.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <event2/event.h>

#include "backend.h"
#include "conn.h"
#include "fds.h"
#include "fethd.h"
#include "log.h"
#include "plat.h"
#include "policy.h"
#include "reap.h"
#include "relayed.h"
#include "request.h"
#include "vlink.h"
#include "warden_call.h"
#include "warden_msg.h"
#include "watch.h"
#include "wire.h"

/* The clients: two users and root, and a second connection of the first. */
enum { ANN, BOB, ROOT, ANN2, CLIENTS };
static const uid_t	 uids[CLIENTS] = { 1000, 1001, 0, 1000 };

static struct fethd	 d;
static struct conn	 clients[CLIENTS];
static int		 warden;
static bool		 warden_waits;	/* leaves GONE unsaid */
static unsigned int	 fds_before;

/* What came of a call. */
static char		*text;		/* the last reply */
static unsigned int	 nreplies, nfds, nrefused, ndropped;
static bool		 hung_up;

/* ---- conn.c ------------------------------------------------------------ */

void
conn_reply(struct conn *c, char *reply, size_t size, int *fds, unsigned int n)
{
	assert_int_equal(strlen(reply), size);
	free(text);
	text = reply;
	c->out_bytes += size + 1;
	nreplies++;
	for (nfds = 0; nfds < n; nfds++)
		wire_close(&fds[nfds]);
}

void
conn_done(struct conn *c)
{
	c->req = NULL;
	while (c->nfds > 0)
		wire_close(&c->fds[--c->nfds]);
}

void
conn_shut(struct conn *c)
{
	c->closing = true;
}

void
conn_refuse(struct conn *c, const char *reason, size_t offset)
{
	(void)c;
	(void)offset;
	assert_true(*reason != '\0');
	nrefused++;
}

void
conn_drop(struct conn *c, const char *why)
{
	(void)why;
	c->closing = true;
	ndropped++;
}

bool
conn_hung_up(const struct conn *c)
{
	(void)c;
	return hung_up;
}

/* ---- The backend ------------------------------------------------------- */

static int
counters(uint32_t slot, struct if_counters *c)
{
	(void)slot;
	*c = (struct if_counters){ 1, 2, 3, 4, 5, 6 };
	return 0;
}

static const struct backend user = { .name = "user" };
static const struct backend full = { .name = "full", .features = BF_HOST |
    BF_WIRE | BF_NETNS | BF_TAP | BF_RAW | BF_WARDEN, .counters = counters };

static void
on_ready(struct fethd *dd)
{
	(void)dd;
}

/* Do what the broker asked for. False: it did not ask. */
static bool
warden_turn(void)
{
	struct wm_msg	m;
	int		fds[WIRE_FDS], fd = -1;
	unsigned int	n, i;
	ssize_t		got;

	event_base_loop(d.base, EVLOOP_NONBLOCK);
	got = wire_recv(warden, &m, sizeof(m), fds, &n, NULL);
	if (got == -EAGAIN)
		return false;
	assert_int_equal(got, sizeof(m));
	for (i = 0; i < n; i++)
		wire_close(&fds[i]);
	if (m.type == WM_DESTROY && warden_waits)
		return true;
	if (m.type == WM_CREATE && m.kind == LINK_HOST)
		fd = open("/dev/null", O_RDWR);
	m.type = m.type == WM_DESTROY ? WM_GONE : WM_REPLY;
	m.error = 0;
	assert_int_equal(wire_send(warden, &m, sizeof(m), &fd, fd != -1),
	    sizeof(m));
	wire_close(&fd);
	return true;
}

static void
warden_works(void)
{
	while (warden != -1 && warden_turn())
		;
	event_base_loop(d.base, EVLOOP_NONBLOCK);
}

/* ---- Fixture ----------------------------------------------------------- */

static int
setup_with(const struct backend *backend)
{
	int	i;

	log_init("test", LOG_L_ERROR, 1);
	fds_before = fds_open();
	memset(&d, 0, sizeof(d));
	memset(clients, 0, sizeof(clients));
	d.backend = backend;
	d.base = event_base_new();
	d.links = vlink_table_new();
	d.policy = malloc(sizeof(*d.policy));
	assert_true(d.base != NULL && d.links != NULL && d.policy != NULL);
	policy_builtin(d.policy, 1000);		/* "group fethd" is Ann's */
	for (i = 0; i < CLIENTS; i++) {
		clients[i].d = &d;
		clients[i].peer.uid = uids[i];
		clients[i].peer.gid = uids[i];
	}
	warden = -1;
	warden_waits = hung_up = false;
	text = NULL;
	nreplies = nfds = nrefused = ndropped = 0;
	return 0;
}

static int
setup_user(void **state)
{
	(void)state;
	return setup_with(&user);
}

static int
setup_full(void **state)
{
	int	ch[2];

	(void)state;
	setup_with(&full);
	assert_int_equal(plat_channel(ch), 0);
	warden = ch[1];
	fcntl(warden, F_SETFL, O_NONBLOCK);
	return wcall_start(&d, ch[0], on_ready);
}

/* As conn_free does it. */
static void
goes(int client)
{
	request_conn_gone(&clients[client]);
	watch_conn_gone(&clients[client]);
	vlink_conn_gone(&clients[client]);
	while (clients[client].nfds > 0)
		wire_close(&clients[client].fds[--clients[client].nfds]);
}

static int
teardown(void **state)
{
	struct vlink	*l;
	uint32_t	 n = 0;
	int		 i;

	(void)state;
	wcall_stop(&d);
	for (i = 0; i < CLIENTS; i++)
		goes(i);
	while ((l = vlink_next(&d, &n)) != NULL)
		vlink_free(l);
	reap_stop(&d);
	assert_null(d.streams);
	relayed_end(&d);
	vlink_table_free(d.links);
	free(d.policy);
	event_base_free(d.base);
	wire_close(&warden);
	free(text);
	assert_int_equal(fds_open(), fds_before);
	return 0;
}

static void
start(int client, const char *call)
{
	free(text);
	text = NULL;
	nreplies = nfds = nrefused = 0;
	request_start(&clients[client], call, strlen(call));
	warden_works();
}

/* A call, the error that it must get ("" none, "-" no reply, "!" it is no call
 * at all), and what the reply must hold. */
struct row {
	int		client;
	const char	*call, *error, *has;
	unsigned int	fds;
};

static void
check_row(const struct row *r)
{
	char	want[128];

	start(r->client, r->call);
	if (nrefused != (*r->error == '!'))
		fail_msg("%s: refused %u times", r->call, nrefused);
	if (nreplies != (*r->error != '!' && *r->error != '-'))
		fail_msg("%s: %u replies", r->call, nreplies);
	if (clients[r->client].req != NULL && clients[r->client].stream == NULL)
		fail_msg("%s: the request lives on", r->call);
	if (nreplies == 0)
		return;
	if (*r->error != '\0')
		snprintf(want, sizeof(want), "{\"error\":\"org.%s\"",
		    r->error);
	else
		snprintf(want, sizeof(want), "{\"parameters\":");
	if (strncmp(text, want, strlen(want)) != 0)
		fail_msg("%s: want %s, got %s", r->call, want, text);
	if (r->has != NULL && strstr(text, r->has) == NULL)
		fail_msg("%s: want %s, got %s", r->call, r->has, text);
	if (nfds != r->fds)
		fail_msg("%s: %u descriptors", r->call, nfds);
}

static void
check_rows(const struct row *rows, size_t n)
{
	size_t	i;

	for (i = 0; i < n; i++)
		check_row(&rows[i]);
}
#define CHECK(rows)	check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

#define CALL(m, p)	"{\"method\":\"org.fethd.Broker." m \
    "\",\"parameters\":" p "}"
#define MORE(m, p)	"{\"method\":\"org.fethd.Broker." m \
    "\",\"more\":true,\"parameters\":" p "}"
#define PORT		"{\"kind\":\"port\"}"
#define HOST		"{\"kind\":\"host\"}"
#define OPEN(a, b, p)	CALL("Open", "{\"ends\":[" a "," b "]" p "}")
#define PAIR(name)	OPEN(PORT, PORT, ",\"name\":\"" name "\"")
#define NAMED(name)	OPEN(PORT, PORT, ",\"lease\":\"named\",\"name\":\"" \
    name "\"")
#define LINK(m, name)	CALL(m, "{\"link\":\"" name "\"}")
#define INVALID		"fethd.Broker.InvalidSpec"
#define FIELD(f)	"\"field\":\"" f "\""

/* ---- Tables ------------------------------------------------------------ */

static void
test_service(void **state)
{
	static const struct row	rows[] = {
		{ ANN, "{\"method\":\"org.varlink.service.GetInfo\"}", "",
		  "\"interfaces\":[\"org.varlink.service\","
		  "\"org.fethd.Broker\"]", 0 },
		{ ANN, "{\"method\":\"org.varlink.service.GetInfo\","
		  "\"parameters\":null}", "", NULL, 0 },
		{ ANN, "{\"method\":\"org.varlink.service.GetInfo\","
		  "\"parameters\":{\"x\":1}}",
		  "varlink.service.InvalidParameter", "\"parameter\":\"x\"",
		  0 },
		{ ANN, "{\"method\":\"org.varlink.service."
		  "GetInterfaceDescription\",\"parameters\":{\"interface\":"
		  "\"org.fethd.Broker\"}}", "", "method Open(", 0 },
		{ ANN, "{\"method\":\"org.varlink.service."
		  "GetInterfaceDescription\",\"parameters\":{\"interface\":"
		  "\"org.varlink.service\"}}", "", "method GetInfo(", 0 },
		{ ANN, "{\"method\":\"org.varlink.service."
		  "GetInterfaceDescription\",\"parameters\":{\"interface\":"
		  "\"org.example\"}}", "varlink.service.InterfaceNotFound",
		  "org.example", 0 },
		{ ANN, "{\"method\":\"org.varlink.service."
		  "GetInterfaceDescription\"}",
		  "varlink.service.InvalidParameter", "interface", 0 },
		{ ANN, "{\"method\":\"org.example.thing.Do\"}",
		  "varlink.service.InterfaceNotFound", "org.example.thing",
		  0 },
		{ ANN, "{\"method\":\"org.varlink.service.Do\"}",
		  "varlink.service.MethodNotFound",
		  "org.varlink.service.Do", 0 },
		{ ANN, CALL("open", "{}"), "!", NULL, 0 },
		{ ANN, "", "!", NULL, 0 },
		{ ANN, "[]", "!", NULL, 0 },
	};

	(void)state;
	CHECK(rows);
}

static void
test_open(void **state)
{
	static const struct row	rows[] = {
		{ ANN, PAIR("a"), "", "\"fd\":0", 1 },
		{ ANN, LINK("Get", "a"), "", "\"lease\":\"session\"", 0 },
		{ ANN, PAIR("a"), "fethd.Broker.NameInUse", "\"owner\":1000",
		  0 },
		{ ANN2, PAIR("a"), "fethd.Broker.NameInUse", NULL, 0 },
		{ BOB, PAIR("a"), "", "\"owner\":1001", 1 },
		{ ANN, OPEN(PORT, PORT, ""), "", "\"name\":\"link3\"", 1 },
		{ ANN, OPEN("{\"kind\":\"port\",\"take\":true}",
		  "{\"kind\":\"port\",\"take\":true}", ""), "", "\"fd\":1",
		  2 },
		{ ANN, OPEN("{\"kind\":\"port\",\"take\":false}", PORT,
		  ",\"name\":\"left\",\"lease\":\"named\""), "",
		  "\"state\":\"detached\"", 0 },
		{ ANN, OPEN(PORT, PORT, ",\"mtu\":9000,\"labels\":{\"k\":\"v\"}"
		  ), "", "\"labels\":{\"k\":\"v\"}", 1 },
		{ ANN, OPEN("{\"kind\":\"port\",\"addresses\":[\"auto\"]}",
		  PORT, ""), "", "\"addresses\":[\"10.253.", 1 },
		{ ANN, OPEN("{\"kind\":\"port\",\"mac\":null,\"class\":null}",
		  PORT, ",\"name\":null,\"mtu\":null"), "", NULL, 1 },
		{ ANN, OPEN(PORT, PORT, ",\"name\":\"dry\",\"dry_run\":true"),
		  "", "\"state\":\"opening\"", 0 },
		{ ANN, LINK("Get", "dry"), "fethd.Broker.NoSuchLink", "dry",
		  0 },
		{ ANN, CALL("Open", "{}"), INVALID, FIELD("ends"), 0 },
		{ ANN, OPEN(PORT, "{}", ""), INVALID, FIELD("ends[1].kind"),
		  0 },
		{ ANN, OPEN(PORT, "[]", ""), INVALID, FIELD("ends[1]"), 0 },
		{ ANN, OPEN(PORT, "{\"kind\":\"port\",\"mac\":\"x\"}", ""),
		  INVALID, FIELD("ends[1].mac"), 0 },
		{ ANN, OPEN(PORT, "{\"kind\":\"port\",\"addresses\":[1]}", ""),
		  INVALID, FIELD("ends[1].addresses"), 0 },
		{ ANN, OPEN(PORT, "{\"kind\":\"port\",\"class\":\"tin\"}", ""),
		  INVALID, FIELD("ends[1].class"), 0 },
		{ ANN, OPEN(PORT, "{\"kind\":\"port\",\"take\":1}", ""),
		  INVALID, FIELD("ends[1].take"), 0 },
		{ ANN, OPEN(PORT, PORT, ",\"lease\":\"long\""), INVALID,
		  FIELD("lease"), 0 },
		{ ANN, OPEN(PORT, PORT, ",\"lease\":\"named\""), INVALID,
		  FIELD("name"), 0 },
		{ ANN, OPEN(PORT, PORT, ",\"labels\":[]"), INVALID,
		  FIELD("labels"), 0 },
		{ ANN, OPEN(PORT, PORT, ",\"mtu\":true"), INVALID,
		  FIELD("mtu"), 0 },
		{ ANN, OPEN(PORT, PORT, ",\"colour\":1"), INVALID,
		  FIELD("colour"), 0 },
		{ ANN, OPEN(PORT, HOST, ""), "fethd.Broker.Unsupported",
		  "\"feature\":\"host links\",\"backend\":\"user\"", 0 },
		{ ANN, OPEN(HOST, HOST, ""), "fethd.Broker.Unsupported",
		  "wire links", 0 },
		{ ANN, OPEN("{\"kind\":\"port\",\"class\":\"stream\"}", PORT,
		  ",\"name\":\"st\""), "", "\"relayed\":true", 1 },
		{ ANN, CALL("Impair", "{\"link\":\"st\",\"set\":{\"loss\":5,"
		  "\"seed\":7}}"), "", "\"loss\":5", 0 },
		{ ANN, CALL("Impair", "{\"link\":\"st\",\"end\":0,\"set\":{}}"),
		  "", "{\"ends\":[{},{\"delay_us\":0,", 0 },
		{ ANN, CALL("Impair", "{\"link\":\"st\",\"set\":{\"loss\":"
		  "1000001}}"), INVALID, FIELD("set.loss"), 0 },
		{ ANN, CALL("Impair", "{\"link\":\"st\",\"set\":{\"delay_us\":"
		  "1,\"jitter_us\":2}}"), INVALID, FIELD("set.jitter_us"), 0 },
		{ ANN, CALL("Impair", "{\"link\":\"st\",\"set\":{\"reorder\":"
		  "1}}"), INVALID, FIELD("set.reorder"), 0 },
		{ BOB, CALL("Impair", "{\"link\":\"st\"}"),
		  "fethd.Broker.NoSuchLink", NULL, 0 },
		{ ANN, LINK("Close", "st"), "", NULL, 0 },
		{ ANN, OPEN(PORT, PORT, ",\"name\":\"plain\""), "", NULL, 1 },
		{ ANN, CALL("Impair", "{\"link\":\"plain\",\"set\":{}}"),
		  "fethd.Broker.Unsupported", "--class stream", 0 },
		{ ANN, LINK("Close", "plain"), "", NULL, 0 },
		{ ANN, OPEN("{\"kind\":\"port\",\"mac_lock\":true}", PORT, ""),
		  INVALID, FIELD("ends[0].mac_lock"), 0 },
		{ ANN, OPEN("{\"kind\":\"port\",\"dgram\":true}", PORT, ""),
		  INVALID, FIELD("ends[0].dgram"), 0 },
	};

	(void)state;
	CHECK(rows);
}

static void
test_links(void **state)
{
	static const struct row	rows[] = {
		{ ANN, NAMED("lab"), "", NULL, 1 },
		{ ANN, LINK("Get", "lab"), "", "\"id\":\"@1\"", 0 },
		{ ANN2, LINK("Get", "@1"), "", "\"name\":\"lab\"", 0 },
		{ ROOT, LINK("Get", "1000/lab"), "", NULL, 0 },
		{ ROOT, LINK("Get", "lab"), "fethd.Broker.NoSuchLink", NULL,
		  0 },
		{ BOB, LINK("Get", "@1"), "fethd.Broker.NoSuchLink", "@1", 0 },
		{ ANN, CALL("Get", "{}"), INVALID, FIELD("link"), 0 },
		{ ANN, CALL("Get", "{\"link\":1}"), INVALID, FIELD("link"),
		  0 },

		{ ANN, LINK("Attach", "lab"), "", "\"fd\":0", 1 },
		{ ANN2, LINK("Attach", "lab"), "fethd.Broker.EndBusy",
		  "\"end\":1", 0 },
		{ ANN2, CALL("Attach", "{\"link\":\"lab\",\"end\":0}"),
		  "fethd.Broker.EndBusy", "\"end\":0", 0 },
		{ BOB, LINK("Attach", "1000/lab"), "fethd.Broker.NoSuchLink",
		  NULL, 0 },
		{ ANN, CALL("Attach", "{\"link\":\"lab\",\"end\":2}"),
		  INVALID, FIELD("end"), 0 },

		{ ANN2, CALL("Detach", "{\"link\":\"lab\",\"end\":1}"),
		  "fethd.Broker.EndBusy", NULL, 0 },
		{ ANN, CALL("Detach", "{\"link\":\"lab\",\"end\":1}"), "",
		  "{\"parameters\":{}}", 0 },
		{ ANN, CALL("Detach", "{\"link\":\"lab\",\"end\":1}"), "",
		  NULL, 0 },
		{ ANN, CALL("Detach", "{\"link\":\"lab\",\"end\":0}"), "",
		  NULL, 0 },
		{ ANN, LINK("Detach", "lab"), INVALID, FIELD("end"), 0 },
		{ ANN, LINK("Get", "lab"), "", "\"state\":\"detached\"", 0 },
		{ ANN, LINK("Attach", "lab"), INVALID, FIELD("end"), 0 },
		{ ANN, CALL("Attach", "{\"link\":\"lab\",\"end\":0,\"class\":"
		  "\"tap\"}"), INVALID, FIELD("class"), 0 },
		{ ANN, CALL("Attach", "{\"link\":\"lab\",\"end\":0,\"class\":"
		  "\"socket\"}"), "", NULL, 1 },

		{ ANN, CALL("Resume", "{\"link\":\"lab\",\"token\":\"00000000"
		  "000000000000000000000000\"}"), INVALID, FIELD("token"), 0 },
		{ ANN, CALL("Resume", "{\"link\":\"lab\",\"token\":\"\"}"),
		  INVALID, FIELD("token"), 0 },
		{ ANN, LINK("Resume", "lab"), INVALID, FIELD("token"), 0 },

		{ BOB, LINK("Close", "1000/lab"), "fethd.Broker.NoSuchLink",
		  NULL, 0 },
		{ ANN2, LINK("Close", "lab"), "", NULL, 0 },
		{ ANN, LINK("Close", "lab"), "fethd.Broker.NoSuchLink", NULL,
		  0 },
		{ ANN, LINK("Close", "@1"), "fethd.Broker.NoSuchLink", NULL,
		  0 },
	};

	(void)state;
	CHECK(rows);
}

static void
test_lists(void **state)
{
	static const struct row	rows[] = {
		{ ANN, CALL("List", "{}"), "", "\"links\":[]", 0 },
		{ ANN, MORE("List", "{}"), "", "\"links\":[]}}", 0 },
		{ ANN, NAMED("one"), "", NULL, 1 },
		{ ANN, CALL("List", "{\"filter\":{}}"), "", "one", 0 },
		{ ANN, CALL("List", "{\"filter\":{\"name\":\"on\"}}"), "",
		  "one", 0 },
		{ ANN, CALL("List", "{\"filter\":{\"name\":\"ne\"}}"), "",
		  "[]", 0 },
		{ ANN, CALL("List", "{\"filter\":{\"owner\":1000,\"kind\":"
		  "\"pair\"}}"), "", "one", 0 },
		{ ANN, CALL("List", "{\"filter\":{\"kind\":\"host\"}}"), "",
		  "[]", 0 },
		{ ANN, CALL("List", "{\"filter\":{\"owner\":1001}}"), "",
		  "[]", 0 },
		{ ANN, CALL("List", "{\"filter\":{\"labels\":{\"a\":\"b\"}}}"),
		  "", "[]", 0 },
		{ BOB, CALL("List", "{}"), "", "[]", 0 },
		{ ROOT, CALL("List", "{\"filter\":{\"owner\":1000}}"), "",
		  "one", 0 },
		{ ANN, CALL("List", "{\"filter\":{\"owner\":-1}}"), INVALID,
		  FIELD("filter.owner"), 0 },
		{ ANN, CALL("List", "{\"filter\":{\"kinds\":\"pair\"}}"),
		  INVALID, FIELD("filter.kinds"), 0 },
		{ ANN, CALL("List", "{\"filter\":[]}"), INVALID,
		  FIELD("filter"), 0 },

		{ ANN, CALL("Stats", "{}"), "", "\"counted\":false", 0 },
		{ ANN, LINK("Stats", "one"), "", "\"name\":\"one\"", 0 },
		{ BOB, CALL("Stats", "{}"), "", "\"stats\":[]", 0 },
		{ BOB, LINK("Stats", "1000/one"), "fethd.Broker.NoSuchLink",
		  NULL, 0 },
		{ ANN, CALL("Stats", "{\"interval_ms\":99}"), INVALID,
		  FIELD("interval_ms"), 0 },
		{ ANN, CALL("Stats", "{\"interval_ms\":3600001}"), INVALID,
		  FIELD("interval_ms"), 0 },
		{ ANN, CALL("Watch", "{}"), "varlink.service.ExpectedMore",
		  NULL, 0 },
		{ ANN, MORE("Watch", "{\"filter\":{\"name\":7}}"), INVALID,
		  FIELD("filter.name"), 0 },
	};

	(void)state;
	CHECK(rows);
	/* One link a reply. */
	check_row(&(struct row){ ANN, NAMED("two"), "", NULL, 1 });
	start(ANN, MORE("List", "{}"));
	assert_int_equal(nreplies, 2);
	assert_null(strstr(text, "continues"));
	assert_non_null(strstr(text, "two"));
}

static void
test_policy(void **state)
{
	static const struct row	rows[] = {
		{ BOB, CALL("Policy", "{}"), "", "\"file\":\"built-in\"", 0 },
		{ BOB, CALL("Policy", "{\"x\":1}"), INVALID, FIELD("x"), 0 },
		{ BOB, CALL("Explain", "{\"method\":\"Open\",\"parameters\":{"
		  "\"ends\":[" PORT "," PORT "]}}"), "", "\"allowed\":true,"
		  "\"rule\":\"anybody-pair\"", 0 },
		{ BOB, CALL("Explain", "{\"method\":\"org.fethd.Broker.Open\","
		  "\"parameters\":{\"ends\":[" PORT "," HOST "]}}"), "",
		  "\"allowed\":false", 0 },
		/* The policy would, the backend cannot. */
		{ ANN, CALL("Explain", "{\"method\":\"Open\",\"parameters\":{"
		  "\"ends\":[" PORT "," HOST "]}}"), "",
		  "the user backend has no host links", 0 },
		{ BOB, CALL("Explain", "{\"method\":\"Open\",\"parameters\":"
		  "{}}"), INVALID, FIELD("ends"), 0 },
		{ BOB, CALL("Explain", "{\"method\":\"Open\",\"parameters\":{"
		  "\"ends\":[" PORT "," PORT "],\"name\":\"-\"}}"), INVALID,
		  FIELD("name"), 0 },
		{ BOB, CALL("Explain", "{\"method\":\"Policy\","
		  "\"parameters\":{}}"), "", "\"allowed\":true", 0 },
		{ BOB, CALL("Explain", "{\"method\":\"Close\","
		  "\"parameters\":{\"link\":\"x\"}}"), "",
		  "\"allowed\":false,\"rule\":\"owner\"", 0 },
		{ BOB, CALL("Explain", "{\"method\":\"Explode\","
		  "\"parameters\":{}}"), "varlink.service.MethodNotFound",
		  "Explode", 0 },
		{ BOB, CALL("Explain", "{\"method\":\"Open\"}"), INVALID,
		  FIELD("parameters"), 0 },
		{ BOB, CALL("Explain", "{\"method\":\"Open\",\"parameters\":"
		  "[]}"), INVALID, FIELD("parameters"), 0 },
	};

	(void)state;
	CHECK(rows);
}

/* ---- With a warden ----------------------------------------------------- */

static void
test_kernel_links(void **state)
{
	static const struct row	rows[] = {
		{ ANN, OPEN(PORT, HOST, ",\"name\":\"lab\",\"lease\":\"named\""
		  ), "", "\"class\":\"tap\"", 1 },
		{ ANN, LINK("Get", "lab"), "", "\"interface\":\"feth", 0 },
		{ ANN, LINK("Stats", "lab"), "", "{\"counted\":true,"
		  "\"rx_frames\":4,\"rx_bytes\":5,\"rx_dropped\":6,"
		  "\"tx_frames\":1,\"tx_bytes\":2,\"tx_dropped\":3},"
		  "{\"counted\":true,\"rx_frames\":1,", 0 },
		{ ANN, CALL("Detach", "{\"link\":\"lab\",\"end\":1}"), INVALID,
		  FIELD("end"), 0 },
		{ ANN2, LINK("Attach", "lab"), "fethd.Broker.EndBusy",
		  "\"end\":0", 0 },
		{ ANN, LINK("Close", "lab"), "", NULL, 0 },
		{ ANN, OPEN(HOST, HOST, ""), "", "\"kind\":\"wire\"", 0 },
		{ BOB, OPEN(PORT, HOST, ""), "fethd.Broker.NotPermitted",
		  "\"rule\":\"", 0 },
		{ ANN, OPEN("{\"kind\":\"port\",\"class\":\"raw\"}", HOST, ""),
		  "fethd.Broker.NotPermitted", NULL, 0 },
		{ ROOT, OPEN("{\"kind\":\"port\",\"class\":\"raw\"}", HOST, ""),
		  "", "\"class\":\"raw\"", 1 },
		{ ANN, OPEN("{\"kind\":\"port\",\"class\":\"socket\"}", HOST,
		  ""), "fethd.Broker.Unsupported", "of class socket", 0 },
		{ ANN, OPEN(PORT, "{\"kind\":\"host\",\"addresses\":["
		  "\"192.168.1.1/24\"]}", ""), "fethd.Broker.NotPermitted",
		  "fethd-group", 0 },
		{ ANN, OPEN(PORT, "{\"kind\":\"host\",\"addresses\":["
		  "\"10.253.0.1/30\"]}", ",\"name\":\"x\""), "",
		  "10.253.0.1/30", 1 },
		{ ANN, OPEN(PORT, "{\"kind\":\"host\",\"addresses\":["
		  "\"10.253.0.2/30\"]}", ""), INVALID, FIELD("addresses"),
		  0 },
	};

	(void)state;
	CHECK(rows);
}

/* ANN's next call comes with FD. */
static void
with_fd(int fd)
{
	assert_true(fd >= 0);
	clients[ANN].fds[clients[ANN].nfds++] = fd;
}

static void
test_netns(void **state)
{
	static const struct row	none = { ANN, OPEN(HOST, "{\"kind\":\"host\","
	    "\"netns\":0}", ""), INVALID, FIELD("ends[1].netns"), 0 };
	static const struct row	first = { ANN, OPEN("{\"kind\":\"host\","
	    "\"netns\":1}", HOST, ""), INVALID, FIELD("ends[0].netns"), 0 };
	static const struct row	theirs = { ANN, OPEN(HOST, "{\"kind\":"
	    "\"host\",\"netns\":0}", ""), "fethd.Broker.NotPermitted",
	    "netns-owner", 0 };

	(void)state;
	check_row(&none);
	with_fd(open("/dev/null", O_RDWR));
	check_row(&none);
	with_fd(open("/dev/null", O_RDWR));
	check_row(&first);		/* there is none of index 1 */
	/* This one is root's, or whose the test's is; Ann is neither. */
	with_fd(open("/proc/self/ns/net", O_RDONLY));
	check_row(&theirs);
	assert_int_equal(clients[ANN].nfds, 0);
}

/* What is closed is not free before it is gone; that is not Ann's fault. */
static void
test_quota(void **state)
{
	static const struct row	rows[] = {
		{ ANN, OPEN(PORT, HOST, ",\"name\":\"a\""), "", NULL, 1 },
		{ ANN, OPEN(PORT, HOST, ",\"name\":\"b\""),
		  "fethd.Broker.QuotaExceeded", "{\"what\":\"links\","
		  "\"limit\":1,\"used\":1,\"rule\":\"fethd-group\"}", 0 },
		{ ANN, CALL("Explain", "{\"method\":\"Open\",\"parameters\":{"
		  "\"ends\":[" PORT "," HOST "]}}"), "", "quota of 1 links",
		  0 },
		{ ANN, LINK("Close", "a"), "", NULL, 0 },
		{ ANN, LINK("Get", "a"), "fethd.Broker.NoSuchLink", NULL, 0 },
		{ ANN, LINK("Get", "@1"), "", "\"state\":\"closing\"", 0 },
		{ ANN, OPEN(PORT, HOST, ",\"name\":\"a\""),
		  "fethd.Broker.Busy", "\"retry_ms\":100", 0 },
	};
	static const struct row	again = { ANN, OPEN(PORT, HOST,
	    ",\"name\":\"a\""), "", NULL, 1 };
	struct wm_msg		m;

	(void)state;
	d.policy->rules[1].quota = 1;
	warden_waits = true;
	CHECK(rows);
	memset(&m, 0, sizeof(m));
	m.type = WM_GONE;
	m.slot = vlink_by_id(&d, 1)->slot;
	m.seq = vlink_by_id(&d, 1)->destroy_seq;
	assert_int_equal(wire_send(warden, &m, sizeof(m), NULL, 0), sizeof(m));
	warden_works();
	check_row(&again);
}

/* All users together have no slot left of the kind that is asked for. */
static void
test_no_slot(void **state)
{
	static const struct row	kernel = { ROOT, OPEN(PORT, HOST, ""),
	    "fethd.Broker.QuotaExceeded", "{\"what\":\"links of this machine\","
	    "\"limit\":11383,\"used\":11383,\"rule\":\"built-in\"}", 0 };
	static const struct row	pair = { ROOT, OPEN(PORT, PORT, ""),
	    "fethd.Broker.QuotaExceeded", "{\"what\":\"links of this machine\","
	    "\"limit\":21385,\"used\":21385,\"rule\":\"built-in\"}", 0 };
	static struct wm_msg	m;
	struct link_spec	*spec = &m.record.spec;
	struct spec_error	err;
	uint32_t		i;
	int			fds[2] = { -1, -1 };

	(void)state;
	m.record.version = LINK_RECORD_VERSION;
	m.record.uid = uids[BOB];
	for (i = 0; i < BOUND_SLOTS; i++) {
		if (i == BOUND_UNITS)
			check_row(&kernel);
		m.slot = i;
		m.record.id = i + 1;
		spec_init(spec);
		spec->lease = LEASE_SESSION;
		spec->end[0].kind = spec->end[1].kind = END_PORT;
		spec->end[0].class = spec->end[1].class = CLASS_SOCKET;
		if (i < BOUND_UNITS) {
			spec->end[0].class = CLASS_TAP;
			spec->end[1].class = CLASS_AUTO;
			spec->end[1].kind = END_HOST;
		}
		assert_int_equal(spec_check(spec, CLASS_AUTO, &err), 0);
		snprintf(spec->name, sizeof(spec->name),
		    "link%u", i);
		vlink_restore(&d, &m, fds);
	}
	check_row(&pair);
}

/* ---- Connections that go ----------------------------------------------- */

static void
test_goes_while_opening(void **state)
{
	static const char	call[] = OPEN(PORT, HOST, ",\"name\":\"lab\"");

	(void)state;
	request_start(&clients[ANN], call, strlen(call));
	assert_non_null(clients[ANN].req);
	assert_int_equal(nreplies, 0);
	assert_non_null(vlink_by_name(&d, 1000, "lab"));
	goes(ANN);
	assert_null(clients[ANN].req);
	assert_null(vlink_by_name(&d, 1000, "lab"));
	warden_works();
	assert_null(vlink_by_id(&d, 1));
	assert_int_equal(nreplies, 0);
}

/* It hung up between call and reply: not even a named link stays. */
static void
test_hung_up(void **state)
{
	(void)state;
	hung_up = true;
	start(ANN, NAMED("lab"));
	assert_null(vlink_by_name(&d, 1000, "lab"));
	assert_null(vlink_by_id(&d, 1));
	assert_int_equal(nfds, 0);
	assert_null(clients[ANN].req);
}

static void
test_goes_with_links(void **state)
{
	(void)state;
	start(ANN, PAIR("session"));
	start(ANN, NAMED("named"));
	start(ANN2, LINK("Attach", "session"));
	assert_int_equal(nfds, 1);
	goes(ANN2);
	assert_non_null(vlink_by_name(&d, 1000, "session"));
	goes(ANN);
	assert_null(vlink_by_name(&d, 1000, "session"));
	assert_int_equal(vlink_by_name(&d, 1000, "named")->state,
	    LINK_DETACHED);
}

static void
test_oneway(void **state)
{
	static const struct row	rows[] = {
		{ ANN, "{\"method\":\"org.fethd.Broker.List\",\"oneway\":true}",
		  "-", NULL, 0 },
		{ ANN, "{\"method\":\"org.fethd.Broker.Open\",\"oneway\":true,"
		  "\"parameters\":{\"ends\":[" PORT "," PORT "],\"name\":"
		  "\"lab\",\"lease\":\"named\"}}", "-", NULL, 0 },
		{ ANN, LINK("Get", "lab"), "", NULL, 0 },
		{ ANN, "{\"method\":\"org.fethd.Broker.Nothing\",\"oneway\":"
		  "true}", "-", NULL, 0 },
		{ ANN, "{\"method\":\"org.fethd.Broker.Watch\",\"oneway\":"
		  "true}", "-", NULL, 0 },
	};

	(void)state;
	CHECK(rows);
	assert_null(d.streams);
}

/* The token that Open told, until it is not needed any more. */
static void
test_resume(void **state)
{
	char	call[256], token[40] = "", *p;

	(void)state;
	start(ANN, NAMED("lab"));
	assert_non_null(p = strstr(text, "\"token\":\""));
	memcpy(token, p + 9, 32);
	assert_null(strchr(token, '"'));
	start(ANN, LINK("Get", "lab"));
	assert_null(strstr(text, "token"));
	snprintf(call, sizeof(call), CALL("Resume",
	    "{\"link\":\"lab\",\"token\":\"%s\",\"end\":0}"), token);
	start(ANN2, call);
	assert_non_null(strstr(text, "EndBusy"));
	goes(ANN);
	start(ANN2, call);
	assert_non_null(strstr(text, "\"attached\":true"));
	assert_non_null(strstr(text, token));
	start(BOB, call);
	assert_non_null(strstr(text, "NoSuchLink"));
}

/* A session link that the last broker left: only its token gets it back. */
static void
test_orphan(void **state)
{
	char		 call[256], token[40] = "", *p;
	struct vlink	*l;

	(void)state;
	start(ANN, OPEN(PORT, HOST, ",\"name\":\"vm\""));
	assert_non_null(p = strstr(text, "\"token\":\""));
	memcpy(token, p + 9, 32);
	assert_non_null(l = vlink_by_name(&d, uids[ANN], "vm"));
	tie_unbind(&l->lease);
	tie_unbind(&l->port[0].holder);
	l->state = LINK_ORPHAN;
	start(ANN2, CALL("Attach", "{\"link\":\"vm\"}"));
	assert_non_null(strstr(text, "Busy"));
	start(ANN2, CALL("Detach", "{\"link\":\"vm\",\"end\":0}"));
	assert_non_null(strstr(text, "Busy"));
	assert_int_equal(l->state, LINK_ORPHAN);
	snprintf(call, sizeof(call), CALL("Resume",
	    "{\"link\":\"vm\",\"token\":\"%s\",\"end\":0}"), token);
	start(ANN2, call);
	assert_non_null(strstr(text, "\"state\":\"up\""));
	start(ANN2, CALL("Detach", "{\"link\":\"vm\",\"end\":0}"));
	assert_null(strstr(text, "error"));
	goes(ANN2);
	warden_works();
	assert_null(vlink_by_name(&d, uids[ANN], "vm"));
}

/* ---- Streams ----------------------------------------------------------- */

static void
test_watch(void **state)
{
	(void)state;
	start(ANN, NAMED("before"));
	start(ANN2, MORE("Watch", "{\"filter\":{\"kind\":\"pair\"}}"));
	assert_int_equal(nreplies, 1);
	assert_non_null(strstr(text, "\"continues\":true"));
	assert_non_null(strstr(text, "before"));
	assert_non_null(clients[ANN2].req);

	start(BOB, PAIR("not-hers"));
	assert_int_equal(nreplies, 1);		/* Bob's own */
	start(ANN, PAIR("hers"));
	assert_int_equal(nreplies, 3);	/* opened, changed, and the reply */
	goes(ANN2);
	assert_null(d.streams);
	start(ANN, LINK("Close", "hers"));
	assert_int_equal(nreplies, 1);
}

/* Who lags is dropped, once, and costs nothing more. */
static void
test_watch_lags(void **state)
{
	(void)state;
	start(ANN2, MORE("Watch", "{}"));
	clients[ANN2].out_bytes += BOUND_OUTPUT;
	start(ANN, NAMED("fits"));		/* the bound is not passed yet */
	assert_int_equal(ndropped, 1);		/* but with the second event */
	start(ANN, NAMED("more"));
	assert_int_equal(nreplies, 1);
	assert_int_equal(ndropped, 1);
}

static void
test_stats_stream(void **state)
{
	static const struct timeval	soon = { .tv_usec = 150000 };

	(void)state;
	start(ANN, NAMED("lab"));
	start(ANN2, MORE("Stats", "{\"link\":\"lab\",\"interval_ms\":100}"));
	assert_int_equal(nreplies, 1);
	event_base_loopexit(d.base, &soon);
	event_base_dispatch(d.base);
	assert_int_equal(nreplies, 2);
	assert_non_null(strstr(text, "\"continues\":true"));
	start(ANN, LINK("Close", "lab"));
	event_base_loopexit(d.base, &soon);
	event_base_dispatch(d.base);
	assert_int_equal(nreplies, 2);		/* of Close, and the last one */
	assert_string_equal(text, "{\"parameters\":{\"stats\":[]}}");
	assert_null(clients[ANN2].req);
	assert_null(d.streams);
}

#define USER(t)		cmocka_unit_test_setup_teardown(t, setup_user, teardown)
#define FULL(t)		cmocka_unit_test_setup_teardown(t, setup_full, teardown)

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		USER(test_service),
		USER(test_open),
		USER(test_links),
		FULL(test_links),
		USER(test_lists),
		USER(test_policy),
		FULL(test_kernel_links),
		FULL(test_netns),
		FULL(test_quota),
		FULL(test_no_slot),
		FULL(test_goes_while_opening),
		USER(test_hung_up),
		FULL(test_hung_up),
		USER(test_goes_with_links),
		FULL(test_goes_with_links),
		USER(test_oneway),
		USER(test_resume),
		FULL(test_orphan),
		USER(test_watch),
		USER(test_watch_lags),
		USER(test_stats_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
