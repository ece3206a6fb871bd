// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "time"] }

// Tokio's tasks that are pending for ever and are aborted; tasks that sleep until one instant.
#[path = "../helper.rs"]
mod helper;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PARKED: usize = 1000;
const ROUNDS: usize = 100;
const SLEEPERS: usize = 1_000_000;

async fn cancel_once() -> f64 {
    let up = Arc::new(AtomicUsize::new(0));
    let mut handles = Vec::with_capacity(PARKED);
    for _ in 0..PARKED {
        let up = up.clone();
        handles.push(tokio::spawn(async move {
            up.fetch_add(1, SeqCst);
            std::future::pending::<()>().await;
        }));
    }
    while up.load(SeqCst) < PARKED {
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    for handle in &handles {
        handle.abort();
    }
    for handle in handles {
        let _ = handle.await;
    }
    helper::ns_since(start)
}

async fn sleep_all(memory: bool) {
    let before = helper::resident_bytes();
    let when = Instant::now() + Duration::from_secs(5);
    let up = Arc::new(AtomicUsize::new(0));
    let mut handles = Vec::with_capacity(SLEEPERS);
    for _ in 0..SLEEPERS {
        let up = up.clone();
        handles.push(tokio::spawn(async move {
            up.fetch_add(1, SeqCst);
            tokio::time::sleep_until(when.into()).await;
        }));
    }
    while up.load(SeqCst) < SLEEPERS {
        tokio::task::yield_now().await;
    }
    if Instant::now() + Duration::from_millis(500) > when {
        helper::skip("this machine takes too long to put a million tasks to sleep");
    }
    if memory {
        helper::sample((helper::resident_bytes() - before) / SLEEPERS as f64);
        std::process::exit(0);
    }
    for handle in handles {
        handle.await.unwrap();
    }
    helper::sample(helper::ns_since(when) / 1e6);
}

fn main() {
    let args = helper::args();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers)
        .enable_time()
        .build()
        .unwrap();
    let measure = async move {
        if args.question != "cancel_parked" {
            sleep_all(args.question == "sleep_memory").await;
            return;
        }
        for sample in 0..=args.samples {
            let mut sum = 0.0;
            for _ in 0..ROUNDS {
                sum += cancel_once().await;
            }
            if sample > 0 {
                helper::sample(sum / (ROUNDS * PARKED) as f64); // the first warms up
            }
        }
    };
    runtime.block_on(async { tokio::spawn(measure).await.unwrap() });
}
