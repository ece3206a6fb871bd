// SPDX-License-Identifier: MIT
// Two of Boost.Fiber's fibers and two channels: unbuffered, or of capacity 2, the least that its
// buffered one has; across threads each is on a thread of its own.
#include "boost_fiber.h"

#include <cstring>
#include <thread>

#include "helper.h"

template <class Channel> struct game {
    Channel &requests, &replies;
    int      rounds;

    void echo()
    {
        long value;

        while (requests.pop(value) == boost::fibers::channel_op_status::success)
            replies.push(value);
    }

    static void play(void *data)
    {
        game *self = static_cast<game *>(data);
        long  value;

        for (long i = 0; i < self->rounds; i++) {
            self->requests.push(i);
            self->replies.pop(value);
            if (value != i)
                perf_die("a reply to another request", 0);
        }
    }
};

template <class Channel>
static void measure(const perf_args &args, Channel &requests, Channel &replies, bool across)
{
    game<Channel> players = { requests, replies, across ? 10000 : 1000000 };

    if (across) {
        std::thread other([&players] { players.echo(); });
        perf_repeat_ns(&args, players.rounds, game<Channel>::play, &players);
        requests.close();
        other.join();
    } else {
        boost::fibers::fiber other = perf_fiber([&players] { players.echo(); });
        perf_repeat_ns(&args, players.rounds, game<Channel>::play, &players);
        requests.close();
        other.join();
    }
}

int main(int argc, char **argv)
{
    perf_args args = perf_args_parse(argc, argv);
    bool      across = std::strcmp(args.question, "pingpong_across") == 0;

    if (across || std::strcmp(args.question, "pingpong_unbuffered") == 0) {
        boost::fibers::unbuffered_channel<long> requests, replies;
        measure(args, requests, replies, across);
    } else {
        boost::fibers::buffered_channel<long> requests(2), replies(2);
        measure(args, requests, replies, false);
    }
}
