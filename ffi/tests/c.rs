//! The ABI as C sees it: programs compiled with the header, linked with the library, and run.
//!
//! One test per check of `tests/c/*.c`, under valgrind where there is one (it does not know
//! io_uring, so the checks run on epoll), and one per way to serve of `examples/serve.c`.
//! Knows nothing of the engine; what it should do stands in the C files.

#![cfg(feature = "server")]

mod compiler;
mod http;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use compiler::{Language, compile_only, is_missing, library, program, static_program};
use http::{Connection, body};

/// Longest time one check may take; valgrind is some thirty times slower than the machine.
const CHECK_TIME_MAX: Duration = Duration::from_secs(60);
/// Longest time all of them may take.
const ALL_TIME_MAX: Duration = Duration::from_secs(400);

#[test]
fn the_header_and_the_layouts_hold_in_c11() {
    compile_only(Language::C11, "tests/c/abi.c");
}

#[test]
fn the_header_and_the_layouts_hold_in_cpp17() {
    compile_only(Language::Cpp17, "tests/c/abi.c");
}

/// The program of all checks, or none without a compiler.
static CHECKS: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let sources = ["support", "inject", "misuse", "answers", "turns", "hooks"];
    let sources = sources.map(|name| format!("tests/c/{name}.c"));
    program("checks", &sources.each_ref().map(String::as_str))
});

/// How a check is run: under valgrind, or plain with a word about it.
fn guarded(program: &Path) -> Command {
    if is_missing("valgrind") {
        return Command::new(program);
    }
    let mut command = Command::new("valgrind");
    command.args([
        "--quiet",
        "--error-exitcode=99",
        "--leak-check=full",
        "--show-leak-kinds=definite",
        "--errors-for-leak-kinds=definite",
        "--fair-sched=yes",
        concat!(
            "--suppressions=",
            env!("CARGO_MANIFEST_DIR"),
            "/tests/c/valgrind.supp"
        ),
    ]);
    command.arg(program);
    command
}

/// How each check ended, one per line.
static ENDS: LazyLock<Option<String>> = LazyLock::new(|| {
    let child = start(guarded(CHECKS.as_ref()?));
    let told = wait(child, ALL_TIME_MAX).stdout;
    Some(String::from_utf8(told).expect("names are UTF-8"))
});

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn check(name: &str) {
    let (Some(program), Some(ends)) = (&*CHECKS, &*ENDS) else {
        return;
    };
    if ends.lines().any(|line| line == format!("{name} holds")) {
        return;
    }
    // Once more, alone, to hear why.
    let mut command = guarded(program);
    command.arg(name);
    let output = wait(start(command), CHECK_TIME_MAX);
    panic!(
        "{name} fails; alone: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Waits for the end of a process, or ends it.
fn wait(mut child: Child, most: Duration) -> Output {
    let began = Instant::now();
    while child.try_wait().expect("it is ours to wait for").is_none() {
        if began.elapsed() > most {
            child.kill().expect("it is ours to end");
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("its output is piped")
}

macro_rules! checks {
    ($($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )+

        #[test]
        fn every_check_has_its_test() {
            let Some(ends) = &*ENDS else { return };
            let names = ends.lines().filter_map(|line| line.split(' ').next());
            let mut listed: Vec<&str> = names.collect();
            listed.sort_unstable();
            let mut tested = vec![$(stringify!($name)),+];
            tested.sort_unstable();
            assert_eq!(listed, tested);
        }
    };
}

checks! {
    null_texts_and_apps null_workers null_listeners null_parents wrong_documents wrong_versions
    lengths_no_object_has not_of_this_worker addresses_that_cannot_be cookies_one_by_one
    names_of_numbers
    double_answers stale_ids null_answers refused_replies problems silent_outcomes failed_functions
    answers_from_other_threads answers_outside_turns_wake ports_outlive_workers late_functions
    turns_in_turns turns_in_runs workers_in_workers wrong_threads threads_that_end
    stops_from_other_threads forked_children
    echo_in_process echo_over_a_socket typed_arguments files_of_a_form files_in_a_spool
    inject_in_an_event
    hooks_in_order hooks_on_errors hooks_misused
}

/// A running `serve`; killed if a test fails before its end.
struct Serve {
    child: Option<Child>,
    port: u16,
    engine: String,
}

impl Serve {
    fn start(program: &Path, mode: &str, engine: &str) -> Self {
        use std::io::{BufRead, BufReader};

        let mut command = Command::new(program);
        command.args([mode, "0", engine]);
        let mut child = start(command);
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("its output is piped");
        BufReader::new(stdout).read_line(&mut line).expect("UTF-8");
        let mut words = line.trim().splitn(5, ' ');
        let port = words.nth(2).and_then(|address| address.rsplit(':').next());
        Self {
            port: port.and_then(|port| port.parse().ok()).unwrap_or(0),
            engine: words.nth(1).unwrap_or_default().to_owned(),
            child: Some(child),
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill runs").success());
    }

    fn end(mut self) -> Output {
        wait(self.child.take().expect("it runs"), Duration::from_secs(20))
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether the kernel and the container allow io_uring; the runtime knows how to tell.
fn has_io_uring(program: &Path) -> bool {
    let server = Serve::start(program, "run", "auto");
    server.engine.starts_with("io_uring")
}

fn serve(mode: &str, engine: &str) {
    let Some(program) = program("serve", &["examples/serve.c"]) else {
        return;
    };
    serve_with(&program, mode, engine);
}

fn serve_with(program: &Path, mode: &str, engine: &str) {
    if engine == "io_uring" && !has_io_uring(program) {
        compiler::skip("io_uring is not allowed here");
        return;
    }
    let server = Serve::start(program, mode, engine);
    assert!(server.engine.starts_with(engine), "{}", server.engine);

    let mut client = Connection::open(server.port);
    let reply = client.exchange("GET /hello HTTP/1.1\r\nhost: c\r\n\r\n");
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    assert!(reply.contains("\r\ncontent-type: application/json\r\n"));
    assert_eq!(body(&reply), r#"{"message":"Hello, World!"}"#);
    // The same connection, with the typed value at its ends.
    for id in ["42", "-9223372036854775808", "9223372036854775807"] {
        let request = format!("GET /users/{id} HTTP/1.1\r\nhost: c\r\n\r\n");
        assert_eq!(body(&client.exchange(&request)), format!("{{\"id\":{id}}}"));
    }
    let refused = client.exchange("GET /users/ada HTTP/1.1\r\nhost: c\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 422 "), "{refused}");
    let reply = client.exchange("GET /later HTTP/1.1\r\nhost: c\r\n\r\n");
    assert_eq!(body(&reply), r#"{"late":true}"#);

    // What is in flight is finished; what is idle is closed; then the process ends well.
    let mut idle = Connection::open(server.port);
    idle.exchange("GET /hello HTTP/1.1\r\nhost: c\r\n\r\n");
    client.send("GET /later HTTP/1.1\r\nhost: c\r\n\r\n");
    // Turns that begin after it was sent: the call is out when they are over.
    for _ in 0..3 {
        idle.exchange("GET /hello HTTP/1.1\r\nhost: c\r\n\r\n");
    }
    server.signal("-TERM");
    assert_eq!(body(&client.receive()), r#"{"late":true}"#);
    assert!(idle.is_closed(), "an idle connection outlived the drain");
    let output = server.end();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("drained"),
        "{}\n{told}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn serves_as_owner_of_its_thread_on_epoll() {
    serve("run", "epoll");
}

#[test]
fn serves_as_owner_of_its_thread_on_io_uring() {
    serve("run", "io_uring");
}

#[test]
fn serves_as_guest_of_poll_on_epoll() {
    serve("poll", "epoll");
}

#[test]
fn serves_as_guest_of_poll_on_io_uring() {
    serve("poll", "io_uring");
}

#[test]
fn serves_from_the_static_library() {
    if let Some(program) = static_program("serve-static", &["examples/serve.c"]) {
        serve_with(&program, "run", "epoll");
    }
}

#[test]
fn refuses_a_port_that_is_taken() {
    let Some(program) = program("serve", &["examples/serve.c"]) else {
        return;
    };
    let server = Serve::start(&program, "run", "epoll");
    let second = Command::new(&program)
        .args(["run", &server.port.to_string()])
        .output()
        .expect("it runs");
    assert_eq!(second.status.code(), Some(1));
    let told = String::from_utf8_lossy(&second.stderr);
    assert!(told.starts_with("listen: "), "{told}");
}

#[test]
fn exports_what_the_header_declares_and_nothing_more() {
    let header = fs::read_to_string(compiler::source("include/spikard.h")).expect("it is there");
    if is_missing("nm") {
        return;
    }
    let listed = Command::new("nm")
        .args(["--dynamic", "--defined-only", "--format=just-symbols"])
        .arg(library("libspikard_ffi.so"))
        .output()
        .expect("nm runs");
    let listed = String::from_utf8(listed.stdout).expect("names are UTF-8");
    let exported: Vec<&str> = listed
        .lines()
        .filter(|name| name.contains("spk_"))
        .collect();
    assert!(exported.len() > 25, "{listed}");
    for name in exported {
        let declared = header.contains(&format!(" {name}("));
        assert!(declared, "{name} is exported and not declared");
    }
}
