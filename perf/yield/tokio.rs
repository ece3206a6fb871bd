// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "sync"] }

// Tokio's tasks wait at a gate until all are there, and then yield.
#[path = "../helper.rs"]
mod helper;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

async fn run(tasks: usize, all: usize) -> f64 {
    let each = all / tasks;
    let gate = Arc::new(Notify::new());
    let up = Arc::new(AtomicUsize::new(0));
    let mut handles = Vec::with_capacity(tasks);
    for _ in 0..tasks {
        let (gate, up) = (gate.clone(), up.clone());
        handles.push(tokio::spawn(async move {
            let open = gate.notified();
            tokio::pin!(open);
            open.as_mut().enable();
            up.fetch_add(1, SeqCst);
            open.await;
            for _ in 0..each {
                tokio::task::yield_now().await;
            }
        }));
    }
    while up.load(SeqCst) < tasks {
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    gate.notify_waiters();
    for handle in handles {
        handle.await.unwrap();
    }
    helper::ns_since(start) / (each * tasks) as f64
}

fn main() {
    let args = helper::args();
    let tasks: usize = args.question["yield_".len()..].parse().unwrap();
    let all = if tasks > 1000 { 5_000_000 } else { 10_000_000 };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers)
        .build()
        .unwrap();
    let samples = args.samples;
    let measure = async move {
        run(tasks, all).await;
        for _ in 0..samples {
            helper::sample(run(tasks, all).await);
        }
    };
    runtime.block_on(async { tokio::spawn(measure).await.unwrap() });
}
