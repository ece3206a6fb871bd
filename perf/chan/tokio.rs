// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "sync"] }

// Tokio's own channels, which have one receiver, between its tasks, and from a plain thread.
#[path = "../helper.rs"]
mod helper;

use std::time::Instant;
use tokio::sync::mpsc::{channel, Receiver, Sender};

const ELEMENTS: u64 = 2_000_000;
const STAGED: u64 = 1_000_000;
const STAGES: usize = 4;

async fn send_all(to: Sender<u64>, count: u64) {
    for i in 1..=count {
        to.send(i).await.unwrap();
    }
}

async fn recv_all(mut from: Receiver<u64>) -> u64 {
    let mut sum = 0;
    while let Some(value) = from.recv().await {
        sum += value;
    }
    sum
}

async fn pass_on(mut from: Receiver<u64>, to: Sender<u64>) {
    while let Some(value) = from.recv().await {
        to.send(value).await.unwrap();
    }
}

async fn pass(capacity: usize) -> u64 {
    let (to, from) = channel(capacity);
    tokio::spawn(send_all(to, ELEMENTS));
    tokio::spawn(recv_all(from)).await.unwrap()
}

async fn pipeline() -> u64 {
    let (to, mut from) = channel(128);
    tokio::spawn(send_all(to, STAGED));
    for _ in 1..STAGES {
        let (next_to, next_from) = channel(128);
        tokio::spawn(pass_on(from, next_to));
        from = next_from;
    }
    tokio::spawn(recv_all(from)).await.unwrap()
}

async fn from_thread() -> u64 {
    let (to, from) = channel(1024);
    let thread = std::thread::spawn(move || {
        for i in 1..=ELEMENTS {
            to.blocking_send(i).unwrap();
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
            "chan_pipeline" => (STAGED, runtime.block_on(pipeline())),
            "chan_thread" => (ELEMENTS, runtime.block_on(from_thread())),
            question if question.ends_with("_128") => (ELEMENTS, runtime.block_on(pass(128))),
            _ => (ELEMENTS, runtime.block_on(pass(1024))),
        };
        assert_eq!(sum, elements * (elements + 1) / 2);
        if sample > 0 {
            helper::sample(elements as f64 * 1e3 / helper::ns_since(start)); // the first warms up
        }
    }
}
