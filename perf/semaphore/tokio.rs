// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "sync"] }

// Tokio's tasks that pass one of its semaphores.
#[path = "../helper.rs"]
mod helper;

use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;

const TASKS: usize = 100_000;
const PERMITS: usize = 100;

async fn all_pass(semaphore: &Arc<Semaphore>) {
    let mut handles = Vec::with_capacity(TASKS);
    for _ in 0..TASKS {
        let semaphore = semaphore.clone();
        handles.push(tokio::spawn(async move {
            let _permit = semaphore.acquire().await.unwrap();
            tokio::task::yield_now().await;
        }));
    }
    for handle in handles {
        handle.await.unwrap();
    }
}

fn main() {
    let args = helper::args();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers)
        .build()
        .unwrap();
    let all = async move {
        let semaphore = Arc::new(Semaphore::new(PERMITS));
        all_pass(&semaphore).await;
        for _ in 0..args.samples {
            let start = Instant::now();
            all_pass(&semaphore).await;
            helper::sample(helper::ns_since(start) / TASKS as f64);
        }
        helper::check(semaphore.available_permits() as u64);
    };
    runtime.block_on(async { tokio::spawn(all).await.unwrap() });
}
