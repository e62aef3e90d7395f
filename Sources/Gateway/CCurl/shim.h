// libcurl's calls with variable arguments, which Swift cannot make, with the types they need here.
#pragma once
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

/// Sets an option that is text; curl copies it.
static inline CURLcode weir_curl_set_text(CURL *easy, CURLoption option, const char *text) {
    return curl_easy_setopt(easy, option, text);
}

/// Sets an option that is a number or a switch.
static inline CURLcode weir_curl_set_number(CURL *easy, CURLoption option, long number) {
    return curl_easy_setopt(easy, option, number);
}

/// Sets an option that is a list of lines, which must outlive the transfer.
static inline CURLcode weir_curl_set_lines(
    CURL *easy, CURLoption option, struct curl_slist *lines) {
    return curl_easy_setopt(easy, option, lines);
}

/// Sets the body that is sent; curl copies it.
static inline CURLcode weir_curl_set_body(CURL *easy, const void *bytes, size_t count) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count);
    return code ? code : curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, bytes);
}

/// Sets who takes the response's body: a function that returns how many bytes it took.
static inline CURLcode weir_curl_set_sink(
    CURL *easy, size_t (*sink)(char *, size_t, size_t, void *), void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, sink);
    return code ? code : curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
}

/// The response's status; 0 where there was none.
static inline long weir_curl_status(CURL *easy) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/// Limits what a multi handle keeps: connections in all and for each host.
static inline void weir_curl_limit(CURLM *multi, long total, long per_host) {
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, total);
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, per_host);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, total);
}

/// The next transfer that is over, and how it ended; NULL when there is none.
static inline CURL *weir_curl_next_done(CURLM *multi, CURLcode *code) {
    for (;;) {
        int left;
        CURLMsg *message = curl_multi_info_read(multi, &left);
        if (!message) return NULL;
        if (message->msg != CURLMSG_DONE) continue;
        *code = message->data.result;
        return message->easy_handle;
    }
}
