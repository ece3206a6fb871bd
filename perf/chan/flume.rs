// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread"] }
// crate: flume = { version = "0.10", default-features = false, features = ["async"] }

// flume's channels between Tokio's tasks, and from a plain thread.
#[path = "../helper.rs"]
mod helper;

use flume::{bounded, Receiver, Sender};
use std::time::Instant;

const ELEMENTS: u64 = 2_000_000;
const STAGED: u64 = 1_000_000;
const STAGES: usize = 4;
const MANY: u64 = 4;

async fn send_all(to: Sender<u64>, count: u64) {
    for i in 1..=count {
        to.send_async(i).await.unwrap();
    }
}

async fn recv_all(from: Receiver<u64>) -> u64 {
    let mut sum = 0;
    while let Ok(value) = from.recv_async().await {
        sum += value;
    }
    sum
}

async fn pass_on(from: Receiver<u64>, to: Sender<u64>) {
    while let Ok(value) = from.recv_async().await {
        to.send_async(value).await.unwrap();
    }
}

async fn pass(capacity: usize, each_side: u64) -> u64 {
    let (to, from) = bounded(capacity);
    let receivers: Vec<_> = (0..each_side).map(|_| tokio::spawn(recv_all(from.clone()))).collect();
    for _ in 0..each_side {
        tokio::spawn(send_all(to.clone(), ELEMENTS / each_side));
    }
    drop(to);
    let mut sum = 0;
    for receiver in receivers {
        sum += receiver.await.unwrap();
    }
    sum
}

async fn pipeline() -> u64 {
    let (to, mut from) = bounded(128);
    tokio::spawn(send_all(to, STAGED));
    for _ in 1..STAGES {
        let (next_to, next_from) = bounded(128);
        tokio::spawn(pass_on(from, next_to));
        from = next_from;
    }
    tokio::spawn(recv_all(from)).await.unwrap()
}

async fn from_thread() -> u64 {
    let (to, from) = bounded(1024);
    let thread = std::thread::spawn(move || {
        for i in 1..=ELEMENTS {
            to.send(i).unwrap();
        }
    });
    let sum = tokio::spawn(recv_all(from)).await.unwrap();
    thread.join().unwrap();
    sum
}

fn main() {
    let args = helper::args();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers)
        .build()
        .unwrap();
    for sample in 0..=args.samples {
        let start = Instant::now();
        let (elements, sum) = match args.question.as_str() {
            "chan_many" => (ELEMENTS, runtime.block_on(pass(1024, MANY))),
            "chan_pipeline" => (STAGED, runtime.block_on(pipeline())),
            "chan_thread" => (ELEMENTS, runtime.block_on(from_thread())),
            question if question.ends_with("_128") => (ELEMENTS, runtime.block_on(pass(128, 1))),
            _ => (ELEMENTS, runtime.block_on(pass(1024, 1))),
        };
        let senders = if args.question == "chan_many" { MANY } else { 1 };
        let each = elements / senders;
        assert_eq!(sum, senders * (each * (each + 1) / 2));
        if sample > 0 {
            helper::sample(elements as f64 * 1e3 / helper::ns_since(start)); // the first warms up
        }
    }
}
