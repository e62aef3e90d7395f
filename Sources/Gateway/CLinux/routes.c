#include "internal.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

// A request for the route to one address (rtnetlink(7), RTM_GETROUTE).
typedef struct {
    struct nlmsghdr header;
    struct rtmsg route;
    struct rtattr attribute;
    unsigned char address[sizeof(struct in6_addr)];
} route_request;

static route_request make_request(const weir_endpoint *to) {
    weir_sockaddr v4;
    route_request request;
    memset(&request, 0, sizeof request);
    size_t bytes = sizeof(struct in6_addr);
    if (weir_encode(&v4, WEIR_V4, to) != 0) {
        bytes = sizeof v4.v4.sin_addr;
        memcpy(request.address, &v4.v4.sin_addr, bytes);
        request.route.rtm_family = AF_INET;
    } else {
        struct in6_addr v6 = weir_encode_v6(to);
        memcpy(request.address, &v6, bytes);
        request.route.rtm_family = AF_INET6;
    }
    request.route.rtm_dst_len = (unsigned char)(bytes * 8);
    request.attribute.rta_type = RTA_DST;
    request.attribute.rta_len = (unsigned short)RTA_LENGTH(bytes);
    request.header.nlmsg_type = RTM_GETROUTE;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.header.nlmsg_len = (uint32_t)(offsetof(route_request, address) + bytes);
    return request;
}

static int read_answer(const char *answer, size_t count) {
    struct nlmsghdr header;
    struct rtmsg route;
    if (count < sizeof header) return -EPROTO;
    memcpy(&header, answer, sizeof header);
    if (header.nlmsg_type == NLMSG_ERROR) {
        struct nlmsgerr failure;
        if (count < NLMSG_HDRLEN + sizeof failure) return -EPROTO;
        memcpy(&failure, answer + NLMSG_HDRLEN, sizeof failure);
        switch (-failure.error) {
        // The kernel has no route, or one that is unreachable, forbidding or a black hole.
        case ENETUNREACH: case EHOSTUNREACH: case EACCES: case EINVAL: return 0;
        default: return failure.error < 0 ? failure.error : -EPROTO;
        }
    }
    if (header.nlmsg_type != RTM_NEWROUTE || count < NLMSG_HDRLEN + sizeof route) return -EPROTO;
    memcpy(&route, answer + NLMSG_HDRLEN, sizeof route);
    return route.rtm_type == RTN_LOCAL;
}

int weir_is_routed_locally(const weir_endpoint *to) {
    int fd = WEIR_CALL(int, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (fd < 0) return fd;
    route_request request = make_request(to);
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    char answer[1024];
    // The kernel answers within sendto, so that the answer is there when it returns.
    ssize_t result = WEIR_CALL(
        ssize_t, sendto(fd, &request, request.header.nlmsg_len, 0, (struct sockaddr *)&kernel,
                        sizeof kernel));
    if (result >= 0)
        result = WEIR_CALL(ssize_t, recv(fd, answer, sizeof answer, MSG_DONTWAIT));
    close(fd);
    return result < 0 ? (int)result : read_answer(answer, (size_t)result);
}
