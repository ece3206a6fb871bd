// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "sync"] }

// Two of Tokio's tasks and two channels of capacity 1; across threads each has a runtime of one
// thread of its own.
#[path = "../helper.rs"]
mod helper;

use std::time::Instant;
use tokio::sync::mpsc::{channel, Receiver, Sender};

const ROUNDS_SAME: u64 = 1_000_000;
const ROUNDS_ACROSS: u64 = 10_000;

async fn echo(mut requests: Receiver<u64>, replies: Sender<u64>) {
    while let Some(value) = requests.recv().await {
        if replies.send(value).await.is_err() {
            break;
        }
    }
}

async fn play(samples: usize, rounds: u64, requests: Sender<u64>, mut replies: Receiver<u64>) {
    for sample in 0..=samples {
        let start = Instant::now();
        for i in 0..rounds {
            requests.send(i).await.unwrap();
            assert_eq!(replies.recv().await, Some(i));
        }
        if sample > 0 {
            helper::sample(helper::ns_since(start) / rounds as f64); // the first warms up
        }
    }
}

fn main() {
    let args = helper::args();
    let (requests, from_requests) = channel(1);
    let (to_replies, replies) = channel(1);
    let samples = args.samples;
    if args.question == "pingpong_across" {
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(echo(from_requests, to_replies));
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(samples, ROUNDS_ACROSS, requests, replies));
        thread.join().unwrap();
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers)
        .build()
        .unwrap();
    runtime.block_on(async move {
        tokio::spawn(echo(from_requests, to_replies));
        tokio::spawn(play(samples, ROUNDS_SAME, requests, replies)).await.unwrap();
    });
}
