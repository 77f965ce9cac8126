use std::collections::HashMap;
use std::sync::{mpsc, Arc, Mutex};
use std::thread;

type Job = Box<dyn FnOnce() -> u64 + Send + 'static>;

struct Pool {
    sender: Option<mpsc::Sender<Job>>,
    threads: Vec<thread::JoinHandle<()>>,
    results: Arc<Mutex<HashMap<usize, u64>>>,
}

impl Pool {
    fn new(size: usize) -> Pool {
        let (sender, receiver) = mpsc::channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        let results = Arc::new(Mutex::new(HashMap::new()));
        let threads = (0..size)
            .map(|id| {
                let receiver = Arc::clone(&receiver);
                let results = Arc::clone(&results);
                thread::spawn(move || loop {
                    let job = match receiver.lock().unwrap().recv() {
                        Ok(job) => job,
                        Err(_) => break,
                    };
                    let value = job();
                    *results.lock().unwrap().entry(id).or_insert(0) += value;
                })
            })
            .collect();
        Pool { sender: Some(sender), threads, results }
    }

    fn submit<F>(&self, job: F)
    where
        F: FnOnce() -> u64 + Send + 'static,
    {
        if let Some(sender) = &self.sender {
            sender.send(Box::new(job)).expect("a worker is alive");
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        drop(self.sender.take());
        for handle in self.threads.drain(..) {
            let _ = handle.join();
        }
    }
}

fn main() {
    let pool = Pool::new(4);
    for n in 1..=100u64 {
        pool.submit(move || (1..=n).filter(|d| n % d == 0).sum());
    }
    let results = Arc::clone(&pool.results);
    drop(pool);
    println!("{}", results.lock().unwrap().values().sum::<u64>());
}
