// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "net", "io-util", "sync"] }
// crate: rayon = "1"

// A task per connection; what computes goes to rayon and comes back by a oneshot, as Tokio's own
// documentation recommends.
#[path = "../helper.rs"]
mod helper;

use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn burn() -> u64 {
    let end = Instant::now() + Duration::from_millis(20);
    let mut x = 1u64;
    while Instant::now() < end {
        for _ in 0..10_000 {
            x = std::hint::black_box(x.wrapping_mul(6364136223846793005).wrapping_add(1));
        }
    }
    x
}

async fn serve(mut conn: TcpStream) {
    let mut buffer = [0u8; 4096];
    while let Ok(n) = conn.read(&mut buffer).await {
        if n == 0 || conn.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

async fn keep_computing() {
    loop {
        let (done, result) = tokio::sync::oneshot::channel();
        rayon::spawn(move || {
            let _ = done.send(burn());
        });
        let _ = result.await;
    }
}

async fn server(cpus: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("port {}", listener.local_addr().unwrap().port());
    for _ in 0..cpus {
        tokio::spawn(keep_computing());
    }
    loop {
        let (conn, _) = listener.accept().await.unwrap();
        conn.set_nodelay(true).unwrap();
        tokio::spawn(serve(conn));
    }
}

fn main() {
    let args = helper::args();
    let cpus = std::thread::available_parallelism().unwrap().get();
    rayon::ThreadPoolBuilder::new().num_threads(cpus).build_global().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers)
        .enable_io()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::spawn(server(cpus)).await.unwrap() });
}
