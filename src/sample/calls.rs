//! How a failed call reads in the log of its caller: each runtime has words of its own. Knows no scenario.

use super::clock::{SECOND, rfc3339};
use super::faults::Obstacle;
use super::fleet::Service;
use super::line::{Failure, Level, Line};
use super::random::Random;

/// A call that failed.
pub(super) struct Call {
    pub(super) service: Service,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) microseconds: i64,
    /// When the caller knew.
    pub(super) time: i64,
}

/// What a service is written in.
#[derive(Clone, Copy)]
enum Runtime {
    Go,
    Java,
    Node,
    Python,
}

impl Service {
    const fn runtime(self) -> Runtime {
        match self {
            Self::Gateway | Self::Processor | Self::Auth => Runtime::Go,
            Self::Order | Self::Payment | Self::Inventory => Runtime::Java,
            Self::Notification | Self::Catalog => Runtime::Node,
            Self::Report | Self::Settlement => Runtime::Python,
        }
    }
}

/// The line that the caller writes.
pub(super) fn complaint(pod: usize, caller: Service, call: &Call, obstacle: Obstacle, random: &mut Random) -> Line {
    let runtime = caller.runtime();
    let (kind, cause) = told(runtime, call, obstacle, random);
    let Call { method, path, service, .. } = call;
    let name = service.name();
    let message = match runtime {
        Runtime::Go => format!("upstream call failed: {} \"http://{name}:8080{path}\": {cause}", title(method)),
        Runtime::Java => format!("{method} {path} of {name} failed: {kind}: {cause}"),
        Runtime::Node => format!("request to http://{name}:8080{path} failed, reason: {cause}"),
        Runtime::Python => format!("{method} http://{name}:8080{path} failed: {cause}"),
    };
    let logger = match runtime {
        Runtime::Go => "http.client",
        Runtime::Java => "com.example.http.ServiceClient",
        Runtime::Node => "fetch",
        Runtime::Python => "urllib3.connectionpool",
    };
    let stack = match runtime {
        Runtime::Go => String::new(),
        Runtime::Java => format!(
            "{kind}: {cause}\n\tat com.example.http.ServiceClient.send(ServiceClient.java:88)\n\tat com.example.http.ServiceClient.call(ServiceClient.java:41)\n"
        ),
        Runtime::Node => format!("{kind}: {cause}\n    at ClientRequest.<anonymous> (/app/node_modules/node-fetch/lib/index.js:1501:11)\n"),
        Runtime::Python => {
            format!("Traceback (most recent call last):\n  File \"/app/report/client.py\", line 57, in call\n{kind}: {cause}\n")
        }
    };
    let error = Failure { kind, message: cause.into(), stack: stack.into() };
    Line::new(call.time, pod, Level::Error, logger, message).with_error(error)
}

/// `Post`, as Go's client writes it.
fn title(method: &str) -> String {
    let mut letters = method.chars();
    letters.next().into_iter().chain(letters.flat_map(char::to_lowercase)).collect()
}

/// The type of the error and its message.
fn told(runtime: Runtime, call: &Call, obstacle: Obstacle, random: &mut Random) -> (&'static str, String) {
    let Call { service, microseconds, time, .. } = call;
    let milliseconds = microseconds / 1000;
    let host = format!("{}.shop.svc.cluster.local", service.name());
    let address = format!("10.0.{}.{}:8080", 11 + random.between(0, 3), random.between(16, 240));
    let second = |time: i64| rfc3339(time - time % SECOND).replace(".000Z", "Z");
    match (runtime, obstacle) {
        (_, Obstacle::Answered(status)) => ("UpstreamError", format!("{} answered {status} after {milliseconds} ms", service.name())),
        (Runtime::Go, Obstacle::NoSuchHost) => ("*net.DNSError", format!("dial tcp: lookup {host} on 10.96.0.10:53: no such host")),
        (Runtime::Java, Obstacle::NoSuchHost) => ("java.net.UnknownHostException", format!("{host}: Name or service not known")),
        (Runtime::Node, Obstacle::NoSuchHost) => ("FetchError", format!("getaddrinfo EAI_AGAIN {host}")),
        (Runtime::Python, Obstacle::NoSuchHost) => {
            ("socket.gaierror", format!("Failed to resolve '{host}' ([Errno -3] Temporary failure in name resolution)"))
        }
        (Runtime::Go, Obstacle::Expired(end)) => (
            "*tls.CertificateVerificationError",
            format!(
                "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time {} is after {}",
                second(*time),
                second(end)
            ),
        ),
        (Runtime::Java, Obstacle::Expired(end)) => (
            "javax.net.ssl.SSLHandshakeException",
            format!("PKIX path validation failed: certificate has expired on {} (NotAfter)", second(end)),
        ),
        (Runtime::Node, Obstacle::Expired(_)) => ("FetchError", "certificate has expired (CERT_HAS_EXPIRED)".to_owned()),
        (Runtime::Python, Obstacle::Expired(_)) => {
            ("ssl.SSLCertVerificationError", "certificate verify failed: certificate has expired (_ssl.c:1000)".to_owned())
        }
        (Runtime::Go, Obstacle::Refused) => ("*net.OpError", format!("dial tcp {address}: connect: connection refused")),
        (Runtime::Java, Obstacle::Refused) => ("java.net.ConnectException", format!("Connection refused: {address}")),
        (Runtime::Node, Obstacle::Refused) => ("FetchError", format!("connect ECONNREFUSED {address}")),
        (Runtime::Python, Obstacle::Refused) => ("ConnectionRefusedError", "[Errno 111] Connection refused".to_owned()),
        (Runtime::Go, Obstacle::Reset) => ("*net.OpError", format!("read tcp {address}: read: connection reset by peer")),
        (Runtime::Java, Obstacle::Reset) => ("java.net.SocketException", "Connection reset".to_owned()),
        (Runtime::Node, Obstacle::Reset) => ("FetchError", "read ECONNRESET".to_owned()),
        (Runtime::Python, Obstacle::Reset) => ("ConnectionResetError", "[Errno 104] Connection reset by peer".to_owned()),
        (Runtime::Go, Obstacle::TimedOut) => {
            ("context.deadlineExceededError", "context deadline exceeded (Client.Timeout exceeded while awaiting headers)".to_owned())
        }
        (Runtime::Java, Obstacle::TimedOut) => ("java.net.http.HttpTimeoutException", format!("request timed out after {milliseconds} ms")),
        (Runtime::Node, Obstacle::TimedOut) => ("FetchError", format!("network timeout after {milliseconds} ms")),
        (Runtime::Python, Obstacle::TimedOut) => ("ReadTimeout", format!("read timed out. (read timeout={milliseconds} ms)")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::at;
    use super::*;

    #[test]
    fn every_runtime_says_in_its_own_words_what_kept_a_call_from_its_answer() {
        let check = |caller: Service, obstacle: Obstacle, expected: &str| {
            let call = Call { service: Service::Auth, method: "POST", path: "/token", microseconds: 2_500_000, time: at(14, 12, 9) + 81 };
            let line = complaint(0, caller, &call, obstacle, &mut Random::stream("words"));
            assert!(line.message.contains("auth-service"), "{}", line.message);
            assert!(line.message.contains(expected), "{} has no {expected}", line.message);
        };
        check(Service::Gateway, Obstacle::NoSuchHost, "lookup auth-service.shop.svc.cluster.local on 10.96.0.10:53: no such host");
        check(Service::Notification, Obstacle::NoSuchHost, "getaddrinfo EAI_AGAIN auth-service.shop");
        check(Service::Gateway, Obstacle::Expired(at(14, 12, 0)), "current time 2026-03-25T14:12:09Z is after 2026-03-25T14:12:00Z");
        check(Service::Order, Obstacle::Expired(at(14, 12, 0)), "certificate has expired on 2026-03-25T14:12:00Z");
        check(Service::Order, Obstacle::TimedOut, "request timed out after 2500 ms");
        check(Service::Report, Obstacle::Answered(503), "answered 503");
    }
}
