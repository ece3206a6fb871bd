// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "sync"] }

// A task a stage, a channel between each two.
#[path = "../helper.rs"]
mod helper;

use tokio::sync::mpsc::{channel, Receiver, Sender};

const NUMBERS: u64 = 1_000_000;

async fn add_one(mut from: Receiver<u64>, to: Sender<u64>) {
    while let Some(number) = from.recv().await {
        to.send(number + 1).await.unwrap();
    }
}

async fn run() -> u64 {
    let (to, mut from) = channel(64);
    tokio::spawn(async move {
        for number in 0..NUMBERS {
            to.send(number).await.unwrap();
        }
    });
    for _ in 0..3 {
        let (next_to, next_from) = channel(64);
        tokio::spawn(add_one(from, next_to));
        from = next_from;
    }
    tokio::spawn(async move {
        let mut sum = 0;
        while let Some(number) = from.recv().await {
            sum += number;
        }
        sum
    })
    .await
    .unwrap()
}

fn main() {
    let args = helper::args();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers)
        .build()
        .unwrap();
    let mut sum = 0;
    helper::repeat_ns(&args, NUMBERS as f64, || sum = runtime.block_on(run()));
    helper::check(sum);
}
