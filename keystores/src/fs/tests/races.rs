//! Two processes that create the same names at the same moments.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::*;

/// Tells the test binary that it is a racer, and in which directory.
const DIRECTORY: &str = "KES_TEST_RACE_DIRECTORY";

/// Names that the two compete for.
const ROUNDS: usize = 150;

/// The racer's own test, which does nothing but in a child process: for every line it reads it creates the name in it,
/// and says what became of it and what it then reads.
#[tokio::test]
async fn racer() {
    let Ok(path) = std::env::var(DIRECTORY) else { return };
    let store = FileStore::open(path.into(), Start::Reload, is_stored_key).await.expect("a store");
    eprintln!("ready");
    for line in std::io::stdin().lines() {
        let text = line.expect("a line");
        let created = create(&store, &text, &format!("{text} by {}", std::process::id())).await.expect("create");
        let seen = read(&store, &text).await.expect("get").expect("whoever created it, it is there");
        eprintln!("{created:?} {}", String::from_utf8(seen).expect("text"));
    }
}

/// A child that runs one test of this binary with its output as it is.
pub(super) fn child(test: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.envs(variables.iter().copied()).stdout(Stdio::null());
    command
}

struct Racer {
    child: Child,
    answers: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Racer {
    fn start(place: &Place) -> Self {
        let path = place.path();
        let variables = [(DIRECTORY, path.to_str().expect("UTF-8"))];
        let mut command = child("fs::tests::races::racer", &variables);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a child");
        let mut answers = BufReader::new(child.stderr.take().expect("stderr")).lines();
        assert_eq!(answers.next().expect("an answer").expect("text"), "ready");
        Self { child, answers }
    }

    fn go(&mut self, name: &str) {
        writeln!(self.child.stdin.as_mut().expect("stdin"), "{name}").expect("the child lives");
    }

    fn answer(&mut self) -> String {
        self.answers.next().expect("an answer").expect("text")
    }

    fn finish(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().expect("the child").success());
    }
}

#[tokio::test]
async fn of_two_processes_exactly_one_creates_each_name() {
    let place = Place::new();
    let store = place.store().await;
    let mut racers = [Racer::start(&place), Racer::start(&place)];
    for round in 0..ROUNDS {
        let name = format!("key-{round}");
        racers.iter_mut().for_each(|racer| racer.go(&name));
        let answers: Vec<String> = racers.iter_mut().map(Racer::answer).collect();
        let winners: Vec<&str> = answers.iter().filter_map(|answer| answer.strip_prefix("New ")).collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        assert!(answers.iter().all(|answer| answer.ends_with(winners[0])), "{answers:?}");
        assert_eq!(read(&store, &name).await.expect("get").as_deref(), Some(winners[0].as_bytes()));
    }
    racers.into_iter().for_each(Racer::finish);
    assert_eq!(place.names().len(), ROUNDS, "nothing but the keys is left");
}
