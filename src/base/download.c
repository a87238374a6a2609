/* Files fetched by HTTP; see latent/base/download.h.
 *
 * A try asks for the bytes that are still wanted (Range), and looks at what
 * the server makes of it before any byte is kept: a partial answer must begin
 * where the part ends; a whole one replaces the part; a total that is not the
 * wanted size ends all. With an ETag, If-Range makes a server that has another
 * version by now answer with all of that. Whatever it says, no more than the
 * wanted bytes reach the disk, and the digest of what did is the last word:
 * when an older part was taken up and it does not fit, all is fetched again,
 * once.
 *
 * Silence is measured here, not by libcurl, whose unit is seconds: less than
 * SLOWEST bytes a second over a window of stall_seconds, connecting included,
 * is a failed try. Only http and https, at most MOST_REDIRECTS of them, and
 * never from https back to http; names that do not resolve are not tried
 * again, for a machine without a network. */
#include "latent/base/download.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/part.h"
#include "latent/base/clock.h"
#include "latent/base/mem.h"

#define MOST_REDIRECTS 5L
#define SLOWEST        100.0   /* bytes a second */
#define ENOUGH         1000000 /* bytes that make a try count as none */
#define LONGEST_PAUSE  30.0
#define NAP            0.05

/* What the server said of the body that follows. */
typedef struct answer {
    int64_t start, total; /* of Content-Range; -1 */
    char etag[128];
    bool is_checked;
} answer;

struct lt_download {
    lt_download_opts opts;
    char *url, *sha256;
    lt__part part;
    bool is_resumed; /* some bytes are an earlier process's */
    CURLM *multi;
    CURL *easy; /* of the try under way, or NULL */
    struct curl_slist *headers;
    char curl_text[CURL_ERROR_SIZE];
    answer now;
    char etag[128]; /* of the part's bytes, or "" */
    lt_err fatal;   /* raised inside of libcurl */
    int tries, in_a_row;
    double pause, until; /* of the next try */
    int64_t at_start;    /* bytes when the try began */
    double window_start;
    int64_t window_size;
    char trouble[256];
};

/* ---- what libcurl calls ---- */

static size_t raise(lt_download *d, lt_status status)
{
    d->fatal.status = status;
    return CURL_WRITEFUNC_ERROR;
}

/* "name: value" -> value, when the name is the wanted one. */
static const char *header_value(const char *line, const char *name)
{
    size_t n = strlen(name);

    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return NULL;
    line += n + 1;
    return line + strspn(line, " \t");
}

static size_t on_header(char *bytes, size_t one, size_t n, void *self)
{
    lt_download *d = self;
    char line[512];
    const char *value;
    long long start, total;

    snprintf(line, sizeof line, "%.*s", (int)(n < 500 ? n : 500), bytes);
    line[strcspn(line, "\r\n")] = '\0';
    if (strncasecmp(line, "HTTP/", 5) == 0) /* a redirect's are forgotten */
        d->now = (answer){.start = -1, .total = -1};
    value = header_value(line, "Content-Range");
    if (value &&
        sscanf(value, "bytes %lld-%*[0-9]/%lld", &start, &total) == 2) {
        d->now.start = start;
        d->now.total = total;
    } else if (value && sscanf(value, "bytes %lld-", &start) == 1) {
        d->now.start = start; /* of "*" in all */
    }
    value = header_value(line, "ETag");
    if (value && *value == '"' && strlen(value) < sizeof d->now.etag)
        strcpy(d->now.etag, value);
    return one * n;
}

static long answer_code(const lt_download *d)
{
    long code = 0;

    curl_easy_getinfo(d->easy, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

static lt_status total_check(const lt_download *d, int64_t total, lt_err *err)
{
    if (total < 0)
        return LT_OK;
    if (d->opts.size >= 0 && total != d->opts.size)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: found a file of %lld bytes, wanted %lld", d->url,
                          (long long)total, (long long)d->opts.size);
    if (d->opts.size < 0 && total > d->opts.limit)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: found a file of %lld bytes, wanted at most %lld",
                          d->url, (long long)total, (long long)d->opts.limit);
    return LT_OK;
}

/* Before the first byte of a body: what is it, and where does it go? */
static lt_status answer_check(lt_download *d, lt_err *err)
{
    curl_off_t announced = -1;

    if (answer_code(d) == 206) {
        if (d->now.start != d->part.size)
            return lt_err_set(err, LT_EIO,
                              "%s: found bytes from %lld on, wanted them from "
                              "%lld on",
                              d->url, (long long)d->now.start,
                              (long long)d->part.size);
        return total_check(d, d->now.total, err);
    }
    curl_easy_getinfo(d->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    LT_TRY(total_check(d, announced, err));
    d->is_resumed = false;
    d->at_start = 0;
    d->window_size = 0;
    strcpy(d->etag, d->now.etag);
    return lt__part_clear(&d->part, err);
}

static size_t on_data(char *bytes, size_t one, size_t n, void *self)
{
    lt_download *d = self;
    int64_t most = d->opts.size >= 0 ? d->opts.size : d->opts.limit;
    lt_status rc;

    if (!d->now.is_checked) {
        rc = answer_check(d, &d->fatal);
        if (rc != LT_OK)
            return raise(d, rc);
        d->now.is_checked = true;
    }
    if ((int64_t)n > most - d->part.size)
        return raise(d, lt_err_set(&d->fatal, LT_EFORMAT,
                                   "%s: found more than %lld bytes, wanted %s "
                                   "that",
                                   d->url, (long long)most,
                                   d->opts.size >= 0 ? "just" : "at most"));
    rc = lt__part_add(&d->part, bytes, one * n, &d->fatal);
    return rc == LT_OK ? n : raise(d, rc);
}

/* ---- one try ---- */

static void try_drop(lt_download *d)
{
    if (d->easy) {
        curl_multi_remove_handle(d->multi, d->easy);
        curl_easy_cleanup(d->easy);
    }
    curl_slist_free_all(d->headers);
    d->easy = NULL;
    d->headers = NULL;
}

/* The older part is of use only when it can be told whether it fits. */
static lt_status range_ask(lt_download *d, lt_err *err)
{
    char text[192];
    struct curl_slist *headers;

    if (d->part.size > 0 && !d->opts.sha256 && !d->etag[0])
        LT_TRY(lt__part_clear(&d->part, err));
    if (d->part.size == 0)
        return LT_OK;
    snprintf(text, sizeof text, "%lld-", (long long)d->part.size);
    if (curl_easy_setopt(d->easy, CURLOPT_RANGE, text) != CURLE_OK)
        return lt_err_mark(err, LT_ENOMEM);
    if (!d->etag[0])
        return LT_OK;
    snprintf(text, sizeof text, "If-Range: %s", d->etag);
    headers = curl_slist_append(NULL, text);
    if (!headers)
        return lt_err_mark(err, LT_ENOMEM);
    d->headers = headers;
    curl_easy_setopt(d->easy, CURLOPT_HTTPHEADER, headers);
    return LT_OK;
}

static void options_set(lt_download *d)
{
    CURL *e = d->easy;
    bool is_secure = strncasecmp(d->url, "https:", 6) == 0;

    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR,
                     is_secure ? "https" : "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(e, CURLOPT_MAXREDIRS, MOST_REDIRECTS);
    curl_easy_setopt(e, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "latent/" LATENT_VERSION);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(d->opts.stall_seconds * 1000));
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, d->curl_text);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, d);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, d);
}

static lt_status try_begin(lt_download *d, lt_err *err)
{
    lt_status rc;

    d->easy = curl_easy_init();
    if (!d->easy || curl_easy_setopt(d->easy, CURLOPT_URL, d->url) != CURLE_OK)
        return lt_err_mark(err, LT_ENOMEM);
    options_set(d);
    rc = range_ask(d, err);
    if (rc != LT_OK)
        return rc;
    d->curl_text[0] = '\0';
    d->now = (answer){.start = -1, .total = -1};
    d->at_start = d->window_size = d->part.size;
    d->window_start = lt_clock_elapsed();
    if (curl_multi_add_handle(d->multi, d->easy) != CURLM_OK)
        return lt_err_mark(err, LT_ENOMEM);
    return LT_OK;
}

/* ---- how a try ends ---- */

/* Another try after a pause, or the end of all. */
static lt_status try_again(lt_download *d, const char *trouble, double pause,
                           lt_err *err)
{
    snprintf(d->trouble, sizeof d->trouble, "%s", trouble);
    d->tries++;
    d->in_a_row = d->part.size - d->at_start > ENOUGH ? 1 : d->in_a_row + 1;
    try_drop(d);
    if (d->in_a_row >= d->opts.tries)
        return lt_err_set(err, LT_EIO,
                          "%s: %s; given up after %d tries with %lld bytes%s%s",
                          d->url, d->trouble, d->tries, (long long)d->part.size,
                          d->part.size > 0 ? " in " : "",
                          d->part.size > 0 ? lt_text_str(&d->part.name) : "");
    d->pause = d->in_a_row == 1 ? d->opts.pause_seconds : 2 * d->pause;
    if (d->pause < pause)
        d->pause = pause;
    if (d->pause > LONGEST_PAUSE)
        d->pause = LONGEST_PAUSE;
    d->until = lt_clock_elapsed() + d->pause;
    return LT_OK;
}

static bool is_passing(long code)
{
    return code >= 500 || code == 408 || code == 425 || code == 429;
}

/* The server answered with an error. */
static lt_status answer_refused(lt_download *d, lt_err *err)
{
    long code = answer_code(d);
    curl_off_t after = 0;
    char text[64];

    if (code == 416) { /* nothing there after the part's end */
        LT_TRY(lt__part_clear(&d->part, err));
        return try_again(d, "the server has no bytes after the part's", 0, err);
    }
    snprintf(text, sizeof text, "the server answers %ld", code);
    curl_easy_getinfo(d->easy, CURLINFO_RETRY_AFTER, &after);
    if (is_passing(code))
        return try_again(d, text, (double)after, err);
    return lt_err_set(err, code == 404 || code == 410 ? LT_ENOTFOUND : LT_EIO,
                      "%s: %s, wanted the file", d->url, text);
}

static const char *curl_reason(const lt_download *d, CURLcode code)
{
    return d->curl_text[0] ? d->curl_text : curl_easy_strerror(code);
}

static lt_status try_failed(lt_download *d, CURLcode code, lt_err *err)
{
    char text[256];

    if (d->fatal.status != LT_OK)
        return lt_err_set(err, d->fatal.status, "%s", d->fatal.text);
    switch (code) {
    case CURLE_HTTP_RETURNED_ERROR:
        return answer_refused(d, err);
    case CURLE_OUT_OF_MEMORY:
        return lt_err_mark(err, LT_ENOMEM);
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
        snprintf(text, sizeof text, "%s", curl_reason(d, code));
        return try_again(d, text, 0, err);
    default:
        return lt_err_set(err, LT_EIO, "%s: %s", d->url, curl_reason(d, code));
    }
}

/* All bytes are there: are they right? *done when they are. */
static lt_status part_finish(lt_download *d, bool *done, lt_err *err)
{
    lt_err bad = {0};
    lt_status rc = LT_OK;

    if (d->sha256)
        rc = lt__part_check(&d->part, d->sha256, &bad);
    if (rc == LT_OK) {
        LT_TRY(lt__part_publish(&d->part, err));
        *done = true;
        return LT_OK;
    }
    LT_TRY(rc == LT_EFORMAT ? lt__part_clear(&d->part, err) : LT_OK);
    if (rc == LT_EFORMAT && d->is_resumed) {
        d->is_resumed = false;
        return try_again(d, "the part that was there does not fit", 0, err);
    }
    return lt_err_set(err, rc, "%s: %s", d->url, bad.text);
}

static lt_status try_succeeded(lt_download *d, bool *done, lt_err *err)
{
    char text[128];

    if (!d->now.is_checked) /* an empty body */
        LT_TRY(answer_check(d, err));
    if (d->opts.size >= 0 && d->part.size < d->opts.size) {
        snprintf(text, sizeof text, "found %lld bytes, wanted %lld",
                 (long long)d->part.size, (long long)d->opts.size);
        return try_again(d, text, 0, err);
    }
    try_drop(d);
    return part_finish(d, done, err);
}

/* ---- the caller's side ---- */

static lt_status url_check(const char *url, lt_err *err)
{
    if (strncasecmp(url, "http://", 7) == 0 ||
        strncasecmp(url, "https://", 8) == 0)
        return LT_OK;
    return lt_err_set(err, LT_EINVAL,
                      "%s: wanted an address that begins with http:// or "
                      "https://",
                      url);
}

static lt_status download_fill(lt_download *d, const lt_download_opts *o,
                               lt_err *err)
{
    d->opts = *o;
    d->url = lt_mem_strdup(o->url);
    d->sha256 = o->sha256 ? lt_mem_strdup(o->sha256) : NULL;
    d->multi = curl_multi_init();
    if (!d->url || !d->multi || (o->sha256 && !d->sha256))
        return lt_err_mark(err, LT_ENOMEM);
    LT_TRY(lt__part_open(&d->part, o->path, err));
    if (d->part.size > 0 &&
        (!o->sha256 || (o->size >= 0 && d->part.size > o->size)))
        LT_TRY(lt__part_clear(&d->part, err));
    d->is_resumed = d->part.size > 0;
    return LT_OK;
}

lt_status lt_download_open(const lt_download_opts *opts, lt_download **out,
                           lt_err *err)
{
    lt_download *d;
    lt_status rc;

    LT_ASSERT(out && opts->stall_seconds > 0 && opts->pause_seconds >= 0);
    LT_TRY(url_check(opts->url, err));
    d = lt_mem_zero(1, sizeof *d);
    if (!d)
        return lt_err_mark(err, LT_ENOMEM);
    d->part = (lt__part)LT__PART_NONE;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        lt_mem_free(d);
        return lt_err_set(err, LT_EIO, "libcurl cannot be started");
    }
    rc = download_fill(d, opts, err);
    if (rc == LT_OK)
        *out = d;
    else
        lt_download_close(d);
    return rc;
}

static void nap(double seconds)
{
    struct timespec t = {0, (long)(seconds * 1e9)};

    if (seconds > 0)
        nanosleep(&t, NULL);
}

/* Silence since a window ago? */
static bool is_stalled(lt_download *d)
{
    double now = lt_clock_elapsed(), span = now - d->window_start;
    bool is_slow;

    if (span < d->opts.stall_seconds)
        return false;
    is_slow = (double)(d->part.size - d->window_size) < SLOWEST * span;
    d->window_start = now;
    d->window_size = d->part.size;
    return is_slow;
}

/* What libcurl does until something happens or `seconds` are over. */
static lt_status try_work(lt_download *d, double seconds, bool *done,
                          lt_err *err)
{
    char text[64];
    int running = 0, left = 0;
    CURLMsg *message;

    if (curl_multi_poll(d->multi, NULL, 0, (int)(seconds * 1000), NULL) !=
            CURLM_OK ||
        curl_multi_perform(d->multi, &running) != CURLM_OK)
        return lt_err_set(err, LT_EIO, "%s: libcurl cannot go on", d->url);
    message = curl_multi_info_read(d->multi, &left);
    if (message && message->msg == CURLMSG_DONE)
        return message->data.result == CURLE_OK
                   ? try_succeeded(d, done, err)
                   : try_failed(d, message->data.result, err);
    if (!is_stalled(d))
        return LT_OK;
    snprintf(text, sizeof text, "hardly any data for %g seconds",
             d->opts.stall_seconds);
    return try_again(d, text, 0, err);
}

static lt_status step_once(lt_download *d, double seconds, bool *done,
                           lt_err *err)
{
    double left = d->until - lt_clock_elapsed();

    if (d->easy)
        return try_work(d, seconds < NAP ? seconds : NAP, done, err);
    if (d->tries > 0 && left > 0) {
        nap(left < NAP ? left : NAP);
        return LT_OK;
    }
    if (d->opts.size >= 0 && d->part.size == d->opts.size)
        return part_finish(d, done, err);
    return try_begin(d, err);
}

lt_status lt_download_step(lt_download *d, double seconds, bool *done,
                           lt_err *err)
{
    double until = lt_clock_elapsed() + seconds, left = seconds;
    lt_status rc;

    *done = false;
    do {
        rc = step_once(d, left, done, err);
        left = until - lt_clock_elapsed();
    } while (rc == LT_OK && !*done && left > 0);
    return rc;
}

void lt_download_look(const lt_download *d, lt_download_state *out)
{
    double left = d->easy || d->tries == 0 ? 0 : d->until - lt_clock_elapsed();

    *out = (lt_download_state){.have = d->part.size,
                               .size = d->opts.size,
                               .tries = d->tries,
                               .pause = left > 0 ? left : 0};
    snprintf(out->text, sizeof out->text, "%s", d->trouble);
}

void lt_download_close(lt_download *d)
{
    if (!d)
        return;
    try_drop(d);
    if (d->multi)
        curl_multi_cleanup(d->multi);
    lt__part_close(&d->part, d->part.size > 0 && d->sha256);
    curl_global_cleanup();
    lt_mem_free(d->url);
    lt_mem_free(d->sha256);
    lt_mem_free(d);
}
