//! Real servers, each on a port and a folder of its own, that ask a small target of the test's.

use rampart::signals::prometheus::{Answer, Client, PrometheusSettings, Trouble};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a server may take to do what a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked for metrics: answers the text it was told last.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    text: Arc<Mutex<String>>,
}

/// What is asked for metrics, and answers how often it has been asked so far, in the words of the test.
pub(crate) async fn busy(words: impl Fn(u64) -> String + Clone + Send + Sync + 'static) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let metrics = move || {
        let text = words(asked.fetch_add(1, Ordering::Relaxed));
        async move { ([("content-type", "text/plain; version=0.0.4")], text) }
    };
    let app = axum::Router::new().route("/metrics", axum::routing::get(metrics));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

impl Target {
    pub(crate) async fn with(text: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Self { address: listener.local_addr().unwrap(), text: Arc::new(Mutex::new(text.to_owned())) };
        let told = target.text.clone();
        let metrics = move || {
            let text = told.lock().unwrap().clone();
            async move { ([("content-type", "text/plain; version=0.0.4")], text) }
        };
        let app = axum::Router::new().route("/metrics", axum::routing::get(metrics));
        tokio::spawn(async move { axum::serve(listener, app).await });
        target
    }

    pub(crate) fn tell(&self, text: &str) {
        *self.text.lock().unwrap() = text.to_owned();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Prometheus,
    VictoriaMetrics,
}

/// A server that asks a target five times a second.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) client: Client,
    make: Make,
    child: Child,
    folder: PathBuf,
}

impl Server {
    pub(crate) async fn start(make: Make, target: SocketAddr) -> Self {
        Self::scraping(make, target, "200ms").await
    }

    /// One that asks a target so often.
    pub(crate) async fn scraping(make: Make, target: SocketAddr, every: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rampart-it-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = format!(
            "global: {{ scrape_interval: {every}, scrape_timeout: {every} }}\n\
             scrape_configs:\n\
             - {{ job_name: target, static_configs: [{{ targets: [\"{target}\"] }}] }}\n\
             - {{ job_name: more, file_sd_configs: [{{ files: [{}] }}] }}\n",
            folder.join("more.json").display()
        );
        std::fs::write(folder.join("scrape.yml"), config).unwrap();
        std::fs::write(folder.join("more.json"), "[]").unwrap();
        Self::on(make, folder, 0).await
    }

    /// A Prometheus that asks nobody and remembers what an OpenMetrics text says.
    pub(crate) async fn remembering(text: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rampart-it-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        let (history, data) = (folder.join("history"), folder.join("data"));
        std::fs::write(&history, text).unwrap();
        std::fs::write(folder.join("scrape.yml"), "").unwrap();
        let blocks = ["tsdb", "create-blocks-from", "openmetrics", "--quiet"];
        let made = Command::new("promtool").args(blocks).args([&history, &data]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        Self::on(Make::Prometheus, folder, 0).await
    }

    /// Has the server ask one more target.
    pub(crate) fn also(&self, target: &str) {
        let targets = serde_json::json!([{ "targets": [target] }]);
        std::fs::write(self.folder.join("more.json"), targets.to_string()).unwrap();
    }

    /// Kills the server; the answer starts it again where it was.
    pub(crate) fn kill(mut self) -> impl AsyncFnOnce() -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let port = self.url.rsplit_once(':').unwrap().1.parse().unwrap();
        let (make, folder) = (self.make, std::mem::take(&mut self.folder));
        async move || Self::on(make, folder, port).await
    }

    async fn on(make: Make, folder: PathBuf, port: u16) -> Self {
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let file = |name: &str| folder.join(name).display().to_string();
        let (config, data) = (file("scrape.yml"), file("data"));
        let mut command = match make {
            Make::Prometheus => {
                let mut command = Command::new("prometheus");
                command.args(["--config.file", &config, "--storage.tsdb.path", &data]);
                command.args(["--web.listen-address", &format!("127.0.0.1:{port}")]);
                command
            }
            Make::VictoriaMetrics => {
                let mut command = Command::new("victoria-metrics");
                command.args([format!("-promscrape.config={config}"), format!("-storageDataPath={data}")]);
                command.arg(format!("-httpListenAddr=127.0.0.1:{port}"));
                command.arg("-memory.allowedBytes=67108864");
                command
            }
        };
        let child = command.stdout(Stdio::null()).stderr(log).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{make:?}: {error}; scripts/setup installs it"));
        let url = match tokio::time::timeout(PATIENCE, ready(&mut child)).await {
            Ok(url) => url,
            Err(_) => panic!("{make:?} is not ready: {}", std::fs::read_to_string(folder.join("log")).unwrap()),
        };
        let client = client(&url);
        Self { url, client, make, child, folder }
    }

    /// Asks until the answer is as wanted.
    pub(crate) async fn until(&self, query: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let asked = async {
            loop {
                if self.make == Make::VictoriaMetrics {
                    // Of its own accord it shows what it took in only after seconds.
                    reqwest::get(format!("{}/internal/force_flush", self.url)).await.unwrap();
                }
                let answer = self.client.instant(query, None).await.unwrap();
                if wanted(&answer) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(answer) => answer,
            Err(_) => panic!("waited in vain for {query}: {:?}", self.client.instant(query, None).await),
        }
    }

    pub(crate) async fn trouble(&self, query: &str) -> Trouble {
        self.client.instant(query, None).await.unwrap_err()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.folder.starts_with(std::env::temp_dir()) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

pub(crate) fn client(url: &str) -> Client {
    let settings = PrometheusSettings { url: Some(url.to_owned()), ..PrometheusSettings::default() };
    Client::new(&settings).unwrap().unwrap()
}

/// Where the process listens, once it says that it is ready.
pub(crate) async fn ready(child: &mut Child) -> String {
    let http = reqwest::Client::new();
    loop {
        assert_eq!(child.try_wait().unwrap(), None, "the server has ended");
        if let Some(port) = listens_at(child.id()) {
            let url = format!("http://127.0.0.1:{port}");
            let ready = ["/-/ready", "/health"].map(|path| http.get(format!("{url}{path}")).send());
            for ready in ready {
                if ready.await.is_ok_and(|answer| answer.status() == 200) {
                    return url;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The port on which a process listens: a port that is chosen for it beforehand could be another's by then.
fn listens_at(pid: u32) -> Option<u16> {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let sockets: Vec<String> = open
        .filter_map(|file| Some(std::fs::read_link(file.ok()?.path()).ok()?.to_str()?.to_owned()))
        .filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens =
            fields.get(3) == Some(&"0A") && sockets.iter().any(|socket| fields.get(9) == Some(&socket.as_str()));
        let port = fields.get(1)?.split_once(':')?.1;
        listens.then(|| u16::from_str_radix(port, 16).ok())?
    })
}
