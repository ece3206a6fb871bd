// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "sync"] }

// spawn_blocking, awaited one at a time or all at once.
#[path = "../helper.rs"]
mod helper;

use std::time::Instant;

async fn in_turn(calls: usize) {
    for _ in 0..calls {
        tokio::task::spawn_blocking(|| {}).await.unwrap();
    }
}

async fn at_once(calls: usize) {
    let handles: Vec<_> = (0..calls).map(|_| tokio::task::spawn_blocking(|| {})).collect();
    for handle in handles {
        handle.await.unwrap();
    }
}

async fn body(queued: bool, calls: usize) {
    if queued {
        at_once(calls).await;
    } else {
        in_turn(calls).await;
    }
}

fn main() {
    let args = helper::args();
    let queued = args.question == "blocking_queued";
    let calls = if queued { 100_000 } else { 20_000 };
    let samples = args.samples;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers)
        .build()
        .unwrap();
    let measure = async move {
        body(queued, calls).await;
        for _ in 0..samples {
            let start = Instant::now();
            body(queued, calls).await;
            helper::sample(helper::ns_since(start) / calls as f64 / 1000.0);
        }
    };
    runtime.block_on(async { tokio::spawn(measure).await.unwrap() });
}
