// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread"] }

// Tokio's tasks and their handles: a million at once, or one after the other. The spawner is a task
// itself, as it is in a program.
#[path = "../helper.rs"]
mod helper;

use std::time::Instant;

const TASKS: usize = 1_000_000;

async fn spawn_flat() {
    let mut handles = Vec::with_capacity(TASKS);
    for _ in 0..TASKS {
        handles.push(tokio::spawn(async {}));
    }
    for handle in handles {
        handle.await.unwrap();
    }
}

async fn spawn_one() {
    for _ in 0..TASKS {
        tokio::spawn(async {}).await.unwrap();
    }
}

async fn body(one: bool) {
    if one {
        spawn_one().await
    } else {
        spawn_flat().await
    }
}

fn main() {
    let args = helper::args();
    let one = args.question == "spawn_one";
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers)
        .build()
        .unwrap();
    let all = async move {
        body(one).await;
        for _ in 0..args.samples {
            let start = Instant::now();
            body(one).await;
            helper::sample(helper::ns_since(start) / TASKS as f64);
        }
    };
    runtime.block_on(async { tokio::spawn(all).await.unwrap() });
}
