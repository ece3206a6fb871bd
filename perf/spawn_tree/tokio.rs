// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "sync"] }

// A tree of Tokio's tasks; skynet's numbers go up through the handles, the faster of the two ways
// (the other is a channel for each parent).
#[path = "../helper.rs"]
mod helper;

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

const DEPTH: u32 = 19;
const TASKS: f64 = ((2u64 << DEPTH) - 2) as f64;
const LEAVES: i64 = 1_000_000;
const CHILDREN: i64 = 10;

fn tree(depth: u32) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if depth == 0 {
            return;
        }
        let left = tokio::spawn(tree(depth - 1));
        let right = tokio::spawn(tree(depth - 1));
        left.await.unwrap();
        right.await.unwrap();
    })
}

fn skynet(number: i64, size: i64) -> Pin<Box<dyn Future<Output = i64> + Send>> {
    Box::pin(async move {
        if size == 1 {
            return number;
        }
        let part = size / CHILDREN;
        let children: Vec<_> = (0..CHILDREN)
            .map(|i| tokio::spawn(skynet(number + i * part, part)))
            .collect();
        let mut sum = 0;
        for child in children {
            sum += child.await.unwrap();
        }
        sum
    })
}

async fn body(sums: bool) {
    if sums {
        assert_eq!(skynet(0, LEAVES).await, LEAVES * (LEAVES - 1) / 2);
    } else {
        tree(DEPTH).await;
    }
}

fn main() {
    let args = helper::args();
    let sums = args.question == "skynet";
    let per = if sums { 1e6 } else { TASKS };
    let samples = args.samples;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers)
        .build()
        .unwrap();
    let measure = async move {
        body(sums).await;
        for _ in 0..samples {
            let start = Instant::now();
            body(sums).await;
            helper::sample(helper::ns_since(start) / per);
        }
    };
    runtime.block_on(async { tokio::spawn(measure).await.unwrap() });
}
