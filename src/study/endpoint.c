// Requests to an endpoint over libcurl's multi interface. See endpoint.h for what becomes of a request.
#include "study/endpoint.h"

#include <dlfcn.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define CURL_DISABLE_TYPECHECK // the functions are called through pointers
#include <curl/curl.h>

#include "base/jsonl.h"
#include "base/random.h"

// ---- libcurl -------------------------------------------------------------------------------------------------------------

#define CURL_FUNCTIONS(F)                                                                                                        \
    F(curl_global_init)                                                                                                          \
    F(curl_easy_init)                                                                                                            \
    F(curl_easy_setopt)                                                                                                          \
    F(curl_easy_getinfo)                                                                                                         \
    F(curl_easy_reset)                                                                                                           \
    F(curl_easy_cleanup)                                                                                                         \
    F(curl_easy_strerror)                                                                                                        \
    F(curl_slist_append)                                                                                                         \
    F(curl_slist_free_all)                                                                                                       \
    F(curl_multi_init)                                                                                                           \
    F(curl_multi_add_handle)                                                                                                     \
    F(curl_multi_remove_handle)                                                                                                  \
    F(curl_multi_perform)                                                                                                        \
    F(curl_multi_poll)                                                                                                           \
    F(curl_multi_info_read)                                                                                                      \
    F(curl_multi_cleanup)                                                                                                        \
    F(curl_multi_strerror)

typedef struct curl_library {
#define F(name) __typeof__(&name) name;
    CURL_FUNCTIONS(F)
#undef F
} curl_library;

// The library stays loaded: it has registered what runs when the program ends.
static status load_library(curl_library *curl) {
    void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!handle) return status_set(STATUS_FAILED, "cannot load libcurl (Debian: libcurl4): %s", dlerror());
#define F(name)                                                                                                                  \
    if (!(*(void **)&curl->name = dlsym(handle, #name))) return status_set(STATUS_FAILED, "this libcurl has no %s", #name);
    CURL_FUNCTIONS(F)
#undef F
    if (curl->curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return status_set(STATUS_FAILED, "libcurl does not start");
    return STATUS_OK;
}

// ---- requests under way --------------------------------------------------------------------------------------------------

typedef enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_ACTIVE } slot_state;

// Where a request is, from its first try to its end.
typedef struct slot {
    slot_state state;
    size_t request, tries;
    double ready; // waiting: when it may be tried again
    CURL *handle;
    buffer body, reply;
    bool too_long;
    char error[CURL_ERROR_SIZE];
} slot;

typedef struct line {
    const endpoint_options *options;
    const endpoint_work *work;
    curl_library curl;
    CURLM *multi;
    struct curl_slist *headers;
    char *url;
    slot *slots; // [options->concurrency]
    size_t next; // request that was not yet started
    size_t active;
    size_t failures;          // in a row
    double next_start, pause; // no request starts before either
    status outcome;
    char message[1024]; // of a failed outcome
} line;

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Everything ends with this; what is under way is still waited for, because it may be paid for.
static void end_with(line *l, status code, const char *message) {
    if (l->outcome != STATUS_OK) return;
    l->outcome = code;
    snprintf(l->message, sizeof l->message, "%s", message);
}

static bool ending(line *l) {
    if (l->options->stop && *l->options->stop)
        end_with(l, STATUS_INTERRUPTED, "interrupted; what was answered is kept, the same command goes on");
    return l->outcome != STATUS_OK;
}

static size_t receive(char *bytes, size_t size, size_t count, void *context) {
    slot *s = context;
    s->too_long = s->reply.length + size * count > ENDPOINT_REPLY_LIMIT;
    if (s->too_long || buffer_append(&s->reply, bytes, size * count) != STATUS_OK) return 0; // libcurl ends the transfer
    return size * count;
}

static status begin_try(line *l, slot *s) {
    const curl_library *c = &l->curl;
    buffer_clear(&s->reply);
    s->too_long = false, s->error[0] = 0;
    c->curl_easy_reset(s->handle);
    CURLcode bad = CURLE_OK;
#define SET(option, value) bad = bad ? bad : c->curl_easy_setopt(s->handle, option, value)
    SET(CURLOPT_URL, l->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTPHEADER, l->headers);
    SET(CURLOPT_USERAGENT, "dsdr");
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->body.length);
    SET(CURLOPT_POSTFIELDS, buffer_text(&s->body));
    SET(CURLOPT_WRITEFUNCTION, receive);
    SET(CURLOPT_WRITEDATA, s);
    SET(CURLOPT_ERRORBUFFER, s->error);
    SET(CURLOPT_PRIVATE, s);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, (long)ceil(1000 * l->options->timeout_seconds));
#undef SET
    if (bad) return status_set(STATUS_FAILED, "libcurl refuses an option: %s", c->curl_easy_strerror(bad));
    CURLMcode refused = c->curl_multi_add_handle(l->multi, s->handle);
    if (refused) return status_set(STATUS_FAILED, "libcurl: %s", c->curl_multi_strerror(refused));
    s->state = SLOT_ACTIVE, s->tries++, l->active++;
    return STATUS_OK;
}

// Starts what may be started. *wait = seconds until something more may.
static status start_some(line *l, double *wait) {
    const endpoint_options *o = l->options;
    *wait = 3600;
    for (size_t i = 0; i < o->concurrency; i++) {
        slot *s = &l->slots[i];
        double now = seconds_now(), from = fmax(l->next_start, l->pause);
        if (s->state == SLOT_ACTIVE || (s->state == SLOT_FREE && l->next == l->work->count)) continue;
        if (s->state == SLOT_WAITING && s->ready > from) from = s->ready;
        if (from > now) {
            *wait = fmin(*wait, from - now);
            continue;
        }
        if (s->state == SLOT_FREE) {
            s->request = l->next++, s->tries = 0;
            buffer_clear(&s->body);
            TRY(l->work->write(l->work->context, s->request, &s->body));
        }
        TRY(begin_try(l, s));
        l->next_start = fmax(now, l->next_start) + 60 / o->requests_per_minute;
    }
    return STATUS_OK;
}

// ---- what came back ------------------------------------------------------------------------------------------------------

// What a server says of its refusal, in a few words, without line ends and without the key.
static void error_words(const line *l, const slot *s, char *words, size_t size) {
    json_t *root = NULL;
    const char *text = buffer_text(&s->reply);
    if (json_parse(text, s->reply.length, "reply", &root) == STATUS_OK) {
        const json_t *error = json_object_get(root, "error"),
                     *message = json_object_get(json_is_object(error) ? error : root, "message");
        const char *said = json_string_value(json_is_string(error) ? error : message);
        if (said) text = said;
    }
    const char *key = l->options->api_key;
    bool secret = key && *key && strstr(text, key); // in all of it: a cut might leave a part
    snprintf(words, size, "%.200s", secret ? "(its words hold the key)" : text);
    json_decref(root);
    for (char *c = words; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F) *c = ' ';
}

static status finish(line *l, slot *s, endpoint_end end, const char *text, size_t length) {
    s->state = SLOT_FREE;
    l->failures = end == ENDPOINT_ANSWERED ? 0 : l->failures + 1;
    if (l->failures >= ENDPOINT_FAILURES) {
        char message[1024];
        snprintf(message, sizeof message, "%s: %zu requests in a row were not answered, the last one because %s", l->url,
                 l->failures, text);
        end_with(l, STATUS_FAILED, message);
    }
    return l->work->finish(l->work->context, s->request, end, text, length);
}

static status again_or_not(line *l, slot *s, const char *why, double asked, bool everyone) {
    if (asked > ENDPOINT_LONGEST_WAIT) {
        char message[1024];
        snprintf(message, sizeof message, "%s asks to wait %.0f s (%s)", l->url, asked, why);
        end_with(l, STATUS_FAILED, message);
    }
    if (ending(l)) {
        s->state = SLOT_FREE; // it has not ended: another run will ask again
        return STATUS_OK;
    }
    if (s->tries > l->options->retries) return finish(l, s, ENDPOINT_UNANSWERED, why, strlen(why));
    double wait = fmin(60, l->options->retry_seconds * exp2((double)s->tries - 1));
    wait *= 0.5 + 0.5 * random_uniform(0, RANDOM_JUDGE, s->request, (uint32_t)s->tries, 0);
    s->state = SLOT_WAITING, s->ready = seconds_now() + fmax(wait, asked);
    if (everyone) l->pause = fmax(l->pause, s->ready);
    return STATUS_OK;
}

// Transport failed: most failures pass, some cannot.
static status after_failure(line *l, slot *s, CURLcode result) {
    char why[512];
    if (s->too_long) {
        snprintf(why, sizeof why, "its reply is longer than %d bytes", ENDPOINT_REPLY_LIMIT);
        return finish(l, s, ENDPOINT_REFUSED, why, strlen(why));
    }
    snprintf(why, sizeof why, "%s", s->error[0] ? s->error : l->curl.curl_easy_strerror(result));
    if (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_PEER_FAILED_VERIFICATION) {
        char message[1024];
        snprintf(message, sizeof message, "%s: %s", l->url, why);
        end_with(l, STATUS_INVALID, message);
    }
    return again_or_not(l, s, why, 0, false);
}

static status after_reply(line *l, slot *s, long code) {
    const curl_library *c = &l->curl;
    const endpoint_work *w = l->work;
    if (code == 200) {
        const char *text = buffer_text(&s->reply);
        if (!w->accept || w->accept(w->context, text, s->reply.length))
            return finish(l, s, ENDPOINT_ANSWERED, text, s->reply.length);
        return again_or_not(l, s, "its body is no chat completion", 0, false);
    }
    char words[256], why[512];
    error_words(l, s, words, sizeof words);
    snprintf(why, sizeof why, "HTTP %ld%s%s", code, *words ? ": " : "", words);
    if ((code >= 300 && code < 400) || (code >= 401 && code <= 405)) {
        char message[1024];
        const char *hint = code == 401 || code == 403  ? "; is the key right that judge.api_key_env names?"
                           : code == 404 || code < 400 ? "; judge.base_url should be such that /chat/completions follows"
                                                       : "";
        snprintf(message, sizeof message, "%s: %s%s", l->url, why, hint);
        end_with(l, STATUS_INVALID, message);
        s->state = SLOT_FREE;
        return STATUS_OK;
    }
    bool passes = code == 408 || code == 425 || code == 429 || code >= 500;
    if (!passes) return finish(l, s, ENDPOINT_REFUSED, why, strlen(why));
    curl_off_t asked = 0;
    c->curl_easy_getinfo(s->handle, CURLINFO_RETRY_AFTER, &asked);
    return again_or_not(l, s, why, (double)asked, code == 429 || asked > 0);
}

static status take_results(line *l) {
    const curl_library *c = &l->curl;
    int left;
    for (CURLMsg *m; (m = c->curl_multi_info_read(l->multi, &left));) {
        if (m->msg != CURLMSG_DONE) continue;
        CURLcode result = m->data.result;
        CURL *handle = m->easy_handle;
        slot *s = NULL;
        long code = 0;
        c->curl_easy_getinfo(handle, CURLINFO_PRIVATE, (char **)&s);
        c->curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &code);
        c->curl_multi_remove_handle(l->multi, handle);
        l->active--;
        TRY(result == CURLE_OK ? after_reply(l, s, code) : after_failure(l, s, result));
    }
    return STATUS_OK;
}

// ---- the loop ------------------------------------------------------------------------------------------------------------

static bool waiting(const line *l) {
    for (size_t i = 0; i < l->options->concurrency; i++)
        if (l->slots[i].state == SLOT_WAITING) return true;
    return false;
}

static status converse(line *l) {
    const curl_library *c = &l->curl;
    while (l->active > 0 || (!ending(l) && (l->next < l->work->count || waiting(l)))) {
        double wait = 3600;
        int running;
        if (!ending(l)) TRY(start_some(l, &wait));
        CURLMcode bad = c->curl_multi_perform(l->multi, &running);
        if (bad) return status_set(STATUS_FAILED, "libcurl: %s", c->curl_multi_strerror(bad));
        size_t active = l->active;
        TRY(take_results(l));
        if (l->active < active) continue; // a slot may be free
        // Looks up twice a second, because a signal does not end the wait.
        bad = c->curl_multi_poll(l->multi, NULL, 0, (int)ceil(1000 * fmin(wait, 0.5)), NULL);
        if (bad) return status_set(STATUS_FAILED, "libcurl: %s", c->curl_multi_strerror(bad));
    }
    return l->outcome == STATUS_OK ? STATUS_OK : status_set(l->outcome, "%s", l->message);
}

static status add_header(line *l, const char *text) {
    struct curl_slist *longer = l->curl.curl_slist_append(l->headers, text);
    if (!longer) return status_set(STATUS_NO_MEMORY, "out of memory");
    l->headers = longer;
    return STATUS_OK;
}

static status prepare(line *l) {
    const endpoint_options *o = l->options;
    size_t length = strlen(o->base_url);
    while (length > 0 && o->base_url[length - 1] == '/') length--;
    if (asprintf(&l->url, "%.*s/chat/completions", (int)length, o->base_url) < 0) {
        l->url = NULL;
        return status_set(STATUS_NO_MEMORY, "out of memory");
    }
    TRY(add_header(l, "Content-Type: application/json"));
    TRY(add_header(l, "Expect:")); // no round trip before a long body
    if (o->api_key) {
        buffer header = {0};
        status code = buffer_printf(&header, "Authorization: Bearer %s", o->api_key);
        if (code == STATUS_OK) code = add_header(l, header.data);
        buffer_free(&header);
        TRY(code);
    }
    l->slots = calloc(o->concurrency, sizeof *l->slots);
    l->multi = l->curl.curl_multi_init();
    if (!l->slots || !l->multi) return status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < o->concurrency; i++)
        if (!(l->slots[i].handle = l->curl.curl_easy_init())) return status_set(STATUS_NO_MEMORY, "out of memory");
    return STATUS_OK;
}

static status check(const endpoint_options *o) {
    if (strncasecmp(o->base_url, "http://", 7) && strncasecmp(o->base_url, "https://", 8))
        return status_set(STATUS_INVALID, "the endpoint %s does not begin with http:// or https://", o->base_url);
    for (const char *c = o->api_key ? o->api_key : ""; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7F)
            return status_set(STATUS_INVALID, "the key of the endpoint holds a space or another character that no key has");
    return STATUS_OK;
}

status endpoint_run(const endpoint_options *options, const endpoint_work *work) {
    TRY(check(options));
    if (work->count == 0) return STATUS_OK;
    line l = {.options = options, .work = work};
    TRY(load_library(&l.curl));
    status code = prepare(&l);
    if (code == STATUS_OK) code = converse(&l);
    for (size_t i = 0; l.slots && i < options->concurrency; i++) {
        slot *s = &l.slots[i];
        if (s->state == SLOT_ACTIVE) l.curl.curl_multi_remove_handle(l.multi, s->handle);
        if (s->handle) l.curl.curl_easy_cleanup(s->handle);
        buffer_free(&s->body), buffer_free(&s->reply);
    }
    if (l.multi) l.curl.curl_multi_cleanup(l.multi);
    l.curl.curl_slist_free_all(l.headers);
    free(l.slots), free(l.url);
    return code;
}
