#include "internal.h"
#include <endian.h>
#include <string.h>

static int is_v4(const weir_endpoint *endpoint) {
    return endpoint->high == 0 && endpoint->low >> 32 == 0xffff;
}

struct in6_addr weir_encode_v6(const weir_endpoint *endpoint) {
    struct in6_addr address;
    uint64_t halves[2] = {htobe64(endpoint->high), htobe64(endpoint->low)};
    memcpy(&address, halves, sizeof halves);
    return address;
}

weir_endpoint weir_decode_v6(const struct in6_addr *address, uint16_t port) {
    uint64_t halves[2];
    memcpy(halves, address, sizeof halves);
    return (weir_endpoint){be64toh(halves[0]), be64toh(halves[1]), port};
}

weir_endpoint weir_decode_v4(struct in_addr address, uint16_t port) {
    return (weir_endpoint){0, 0xffff00000000 | ntohl(address.s_addr), port};
}

socklen_t weir_encode(weir_sockaddr *to, int family, const weir_endpoint *endpoint) {
    if (family == WEIR_V4) {
        if (!is_v4(endpoint)) return 0;
        memset(&to->v4, 0, sizeof to->v4);
        to->v4.sin_family = AF_INET;
        to->v4.sin_port = htons(endpoint->port);
        to->v4.sin_addr.s_addr = htonl((uint32_t)endpoint->low);
        return sizeof to->v4;
    }
    memset(&to->v6, 0, sizeof to->v6);
    to->v6.sin6_family = AF_INET6;
    to->v6.sin6_port = htons(endpoint->port);
    to->v6.sin6_addr = weir_encode_v6(endpoint);
    return sizeof to->v6;
}

weir_endpoint weir_decode(const weir_sockaddr *from) {
    if (from->any.sa_family == AF_INET)
        return weir_decode_v4(from->v4.sin_addr, ntohs(from->v4.sin_port));
    if (from->any.sa_family == AF_INET6)
        return weir_decode_v6(&from->v6.sin6_addr, ntohs(from->v6.sin6_port));
    return (weir_endpoint){0, 0, 0};
}
