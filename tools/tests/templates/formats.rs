//! Lines as other systems write them, made from what they print: each kind of event with how often it comes. `{int}`, `{ip}` and the like
//! stand for values, `{a|b}` for one of some words.

/// A system: its name, and its kinds of events with their share.
pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) events: &'static [(u32, &'static str)],
}

/// Lines of a system with the number of their event, the same in every run.
pub(crate) fn lines(format: &Format, count: usize) -> Vec<(u32, String)> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ count as u64);
    let all: u32 = format.events.iter().map(|(share, _)| share).sum();
    let line = |_| {
        let mut at = random.below(u64::from(all)) as u32;
        let event = format.events.iter().position(|(share, _)| {
            let is_it = at < *share;
            at = at.saturating_sub(*share);
            is_it
        });
        let event = event.unwrap_or(0);
        (event as u32, fill(format.events[event].1, &mut random))
    };
    (0..count).map(line).collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from_digit(self.below(16) as u32, 16).unwrap()).collect()
    }
}

fn fill(event: &str, random: &mut Random) -> String {
    let mut line = String::new();
    let mut rest = event;
    while let Some((before, after)) = rest.split_once('{') {
        let (kind, after) = after.split_once('}').unwrap();
        line.push_str(before);
        line.push_str(&value(kind, random));
        rest = after;
    }
    line + rest
}

fn value(kind: &str, random: &mut Random) -> String {
    match kind {
        "int" => random.below(100_000).to_string(),
        "long" => (1_500_000_000_000 + random.below(1 << 30)).to_string(),
        "digit" => random.below(10).to_string(),
        "float" => format!("{}.{:02}", random.below(400), random.below(100)),
        "ip" => format!("{}.{}.{}.{}", 10 + random.below(200), random.below(256), random.below(256), random.below(256)),
        "port" => (1_024 + random.below(60_000)).to_string(),
        "hex8" => random.hex(8),
        "hex16" => random.hex(16),
        "hex32" => random.hex(32),
        "mac" => (0..6).map(|_| random.hex(2)).collect::<Vec<_>>().join(":"),
        "uuid" => [8, 4, 4, 4, 12].map(|digits| random.hex(digits)).join("-"),
        "clock" => format!("{:02}:{:02}", random.below(60), random.below(60)),
        "user" => ["root", "admin", "oracle", "test", "guest", "nagios", "pgsql", "webmaster", "ftpuser", "support"]
            [random.below(10) as usize]
            .into(),
        words => {
            let words: Vec<&str> = words.split('|').collect();
            words[random.below(words.len() as u64) as usize].to_owned()
        }
    }
}

/// Systems whose logs are much studied, as far as their formats are generally known.
pub(crate) const FORMATS: &[Format] = &[
    Format {
        name: "openstack",
        events: &[
            (30, r#"{ip} "GET /v2/{hex32}/servers/{detail|uuid} HTTP/1.1" status: {200|404} len: {int} time: 0.{int}"#),
            (6, r#"{ip} "POST /v2/{hex32}/{servers|os-server-external-events} HTTP/1.1" status: {200|202} len: {int} time: 0.{int}"#),
            (4, r#"{ip} "DELETE /v2/{hex32}/servers/{uuid} HTTP/1.1" status: 204 len: 203 time: 0.{int}"#),
            (8, "[instance: {uuid}] Total memory: {int} MB, used: {float} MB"),
            (3, "[instance: {uuid}] memory limit not specified, defaulting to unlimited"),
            (3, "[instance: {uuid}] Attempting claim: memory {int} MB, disk {int} GB, vcpus {digit} CPU"),
            (3, "[instance: {uuid}] Claim successful"),
            (3, "[instance: {uuid}] Took {float} seconds to spawn the instance on the hypervisor."),
            (3, "[instance: {uuid}] Took {float} seconds to build instance."),
            (5, "Active base files: /var/lib/nova/instances/_base/{hex32}"),
            (5, "image {uuid} at (/var/lib/nova/instances/_base/{hex32}): checking"),
            (3, "Creating event network-vif-plugged:{uuid} for instance {uuid}"),
            (2, "[instance: {uuid}] During sync_power_state the instance has a pending task (spawning). Skip."),
            (2, "Auditing locally available compute resources for node {cp-1|cp-2|cp-3}.slowvm1.tcloud-pg0"),
        ],
    },
    Format {
        name: "openssh",
        events: &[
            (
                12,
                "reverse mapping checking getaddrinfo for {ns|mail|customer}.{com|example|net}{int}.net [{ip}] failed - POSSIBLE BREAK-IN ATTEMPT!",
            ),
            (6, "Invalid user {user} from {ip}"),
            (6, "input_userauth_request: invalid user {user} [preauth]"),
            (6, "pam_unix(sshd:auth): check pass; user unknown"),
            (14, "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip} "),
            (10, "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip}  user={user}"),
            (8, "Failed password for invalid user {user} from {ip} port {port} ssh2"),
            (18, "Failed password for {user} from {ip} port {port} ssh2"),
            (8, "Connection closed by {ip} [preauth]"),
            (14, "Received disconnect from {ip}: 11: Bye Bye [preauth]"),
            (1, "error: Received disconnect from {ip}: 14: No more user authentication methods available. [preauth]"),
            (2, "Disconnecting: Too many authentication failures for {user} [preauth]"),
            (2, "PAM {digit} more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip}  user={user}"),
            (2, "PAM service(sshd) ignoring max retries; {digit} > 3"),
            (1, "Did not receive identification string from {ip}"),
            (1, "message repeated {digit} times: [ Failed password for {user} from {ip} port {port} ssh2]"),
        ],
    },
    Format {
        name: "zookeeper",
        events: &[
            (16, "Received connection request /{ip}:{port}"),
            (12, "Notification time out: {int}"),
            (10, "Send worker leaving thread"),
            (10, "Interrupted while waiting for message on queue"),
            (8, "Connection broken for id {long}, my id = {digit}, error ="),
            (8, "Closed socket connection for client /{ip}:{port} (no session established for client)"),
            (4, "Closed socket connection for client /{ip}:{port} which had sessionid 0x{hex16}"),
            (6, "Cannot open channel to {digit} at election address /{ip}:{port}"),
            (6, "Established session 0x{hex16} with negotiated timeout {int} for client /{ip}:{port}"),
            (6, "Client attempting to establish new session at /{ip}:{port}"),
            (5, "Accepted socket connection from /{ip}:{port}"),
            (4, "Expiring session 0x{hex16}, timeout of {int}ms exceeded"),
            (4, "Processed session termination for sessionid: 0x{hex16}"),
            (3, "caught end of stream exception"),
            (3, "Interrupting SendWorker"),
            (1, "******* GOODBYE /{ip}:{port} ********"),
        ],
    },
    Format {
        name: "hadoop",
        events: &[
            (20, "Address change detected. Old: {msra-sa-41|msra-sa-39}/{ip}:{port} New: {msra-sa-41|msra-sa-39}:{port}"),
            (
                18,
                "Retrying connect to server: {msra-sa-41|msra-sa-39}:{port}. Already tried {digit} time(s); retry policy is RetryUpToMaximumCountWithFixedSleep(maxRetries=10, sleepTime=1000 MILLISECONDS)",
            ),
            (12, "Failed to renew lease for [DFSClient_NONMAPREDUCE_{int}_1] for {int} seconds. Will retry shortly ..."),
            (8, "ERROR IN CONTACTING RM. "),
            (10, "Progress of TaskAttempt attempt_{long}_{int}_m_{int}_{digit} is : 0.{int}"),
            (3, "attempt_{long}_{int}_m_{int}_0 TaskAttempt Transitioned from NEW to UNASSIGNED"),
            (3, "JVM with ID : jvm_{long}_{int}_m_{int} asked for a task"),
            (3, "JVM with ID: jvm_{long}_{int}_m_{int} given task: attempt_{long}_{int}_m_{int}_{digit}"),
            (3, "Assigned container container_{long}_{int}_01_{int} to attempt_{long}_{int}_m_{int}_{digit}"),
            (3, "Recalculating schedule, headroom=<memory:{int}, vCores:-{digit}>"),
            (2, "Reduce slow start threshold not met. completedMapsForReduceSlowstart {digit}"),
            (2, "Received completed container container_{long}_{int}_01_{int}"),
            (2, "Launching attempt_{long}_{int}_m_{int}_{digit}"),
            (
                1,
                "Error communicating with RM: No Route to Host from {MININT-FNANLI5|MSRA-SA-41}/{ip} to {msra-sa-41|msra-sa-39}:{port} failed on socket timeout exception",
            ),
        ],
    },
    Format {
        name: "spark",
        events: &[
            (16, "Running task {digit}.0 in stage {digit}.0 (TID {int})"),
            (14, "Finished task {digit}.0 in stage {digit}.0 (TID {int}). {int} bytes result sent to driver"),
            (14, "Got assigned task {int}"),
            (14, "Found block rdd_{digit}_{int} locally"),
            (8, "Block broadcast_{int} stored as values in memory (estimated size {float} {B|KB}, free {float} {KB|MB})"),
            (8, "Block broadcast_{int}_piece0 stored as bytes in memory (estimated size {float} {B|KB}, free {float} {KB|MB})"),
            (5, "Started reading broadcast variable {int}"),
            (5, "Reading broadcast variable {int} took {int} ms"),
            (4, "Input split: hdfs://{ip}:9000/logs/{access|audit}.log:{int}+{int}"),
            (6, "Times: total = {int}, boot = -{int}, init = {int}, finish = {digit}"),
            (3, "Partition rdd_{digit}_{int} not found, computing it"),
            (2, "Changing view acls to: yarn,{user}"),
            (2, "Changing modify acls to: yarn,{user}"),
            (
                1,
                "SecurityManager: authentication disabled; ui acls disabled; users with view permissions: Set(yarn, {user}); users with modify permissions: Set(yarn, {user})",
            ),
        ],
    },
    Format {
        name: "bgl",
        events: &[
            (30, "generating core.{int}"),
            (10, "instruction cache parity error corrected"),
            (8, "CE sym {digit}, at 0x{hex8}, mask 0x{digit}{digit}"),
            (8, "total of {digit} ddr error(s) detected and corrected"),
            (6, "{int} double-hummer alignment exceptions"),
            (6, "iar {hex8} dear {hex8}"),
            (6, "ciod: failed to read message prefix on control stream (CioStream socket to {ip}:{port}"),
            (4, "ciod: Error reading message prefix after LOGIN_MESSAGE on CioStream socket to {ip}:{port}: Link has been severed"),
            (4, "{digit} L3 EDRAM error(s) (dcr 0x0157) detected and corrected"),
            (4, "ddr: excessive soft failures, consider replacing the card"),
            (3, "rts: kernel terminated for reason {int}"),
            (3, "data TLB error interrupt"),
            (3, "program interrupt: fp cr field .............{digit}"),
            (
                3,
                "idoproxydb hit ASSERT condition: ASSERT expression={digit} Source file=idotransportmgr.cpp Source line={int} Function=int IdoTransportMgr::SendPacket",
            ),
            (2, "Node card VPD check: missing U{int} node, VPD ecid {hex32}"),
        ],
    },
    Format {
        name: "hpc",
        events: &[
            (20, "ambient={digit}{digit}"),
            (12, "Link error on broadcast tree Interconnect-0T{clock}:{digit}:{digit}"),
            (10, "Temperature ({digit}{digit}C) exceeds warning threshold"),
            (10, "ServerFileSystem: An ServerFileSystem domain panic has occurred on storage{int}"),
            (8, "PSU status ( {on on|off on|on off} )"),
            (8, "boot (command {int}) Error: machinecheck detected in run cycle"),
            (6, "node node-{int} has detected an available network connection on network {ip} via interface alt{digit}"),
            (6, "Component State Change: Component \\042alt{digit}\\042 is in the unavailable state (HWID={int})"),
            (5, "ClusterFileSystem: There is no server for ServerFileSystem domain storage{int}"),
            (4, "Fan speeds ( {int} {int} {int} {int} {int} {int} )"),
            (4, "NIFF: node node-{int} detected a failed network connection on network {ip} via interface scip{digit}"),
            (2, "targeting domains:node-{int} and nodes:node-[{int}-{int}] child of command {int}"),
        ],
    },
    Format {
        name: "proxifier",
        events: &[
            (
                30,
                "{proxy.example.net:5070|play.example.com:443|mail.example.org:993} close, {int} bytes sent, {int} bytes received, lifetime {clock}",
            ),
            (20, "{proxy.example.net:5070|play.example.com:443|mail.example.org:993} open through proxy proxy.example.net:5070 HTTPS"),
            (
                15,
                "{proxy.example.net:5070|play.example.com:443|mail.example.org:993} close, {int} bytes ({float} KB) sent, {int} bytes ({float} KB) received, lifetime {clock}",
            ),
            (
                10,
                "{proxy.example.net:5070|play.example.com:443|mail.example.org:993} close, {int} bytes sent, {int} bytes ({float} KB) received, lifetime {clock}",
            ),
            (
                3,
                "{play.example.com|mail.example.org}:443 error : Could not connect through proxy proxy.example.net:5070 - Proxy server cannot establish a connection with the target, status code {int}",
            ),
            (2, "open through proxy proxy.example.net:5070 SOCKS5"),
        ],
    },
    Format {
        name: "android",
        events: &[
            (
                12,
                "acquire lock={int}, flags=0x{digit}, tag=\"{View Lock|RILJ|AudioMix}\", name=com.android.{phone|systemui}, ws=null, uid={int}, pid={int}",
            ),
            (
                12,
                "release lock={int}, flg=0x{digit}, tag=\"{View Lock|RILJ|AudioMix}\", name=com.android.{phone|systemui}\", ws=null, uid={int}, pid={int}",
            ),
            (
                10,
                "ready=true,policy={digit},wakefulness={digit},wksummary=0x{hex8},uasummary=0x{digit},bootcompleted=true,boostinprogress=false,manual={int},auto=-1,adj=0.0userId=0",
            ),
            (8, "getRunningAppProcesses: caller {int} does not hold REAL_GET_TASKS; limiting output"),
            (8, "HBM brightnessIn ={int}"),
            (8, "HBM brightnessOut ={int}"),
            (6, "Animating brightness: target={int}, rate={int}"),
            (6, "Skipping AppWindowToken{token=Token ActivityRecord} -- going to hide"),
            (6, "getTasks: caller {int} does not hold REAL_GET_TASKS; limiting output"),
            (4, "setSystemUiVisibility vis={hex8} mask={hex8} oldVal={hex8} newVal={hex8} diff={hex8}"),
            (4, "updateLightsLocked,mBatteryCharging: {int}, mBatteryLevel: {int}"),
            (3, "cancelNotificationLocked called, tell statusbar to remove {int}"),
            (3, "interceptKeyTq keycode={int} interactive={true|false} keyguardActive={true|false} policyFlags={hex8}"),
        ],
    },
    Format {
        name: "linux",
        events: &[
            (14, "authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost={ip}  user={user}"),
            (12, "authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost={ip} "),
            (12, "check pass; user unknown"),
            (20, "connection from {ip} ({host|mail|dsl}-{int}.example.net) at Sat Jun {int} {clock}:{digit}{digit} 2005"),
            (12, "session opened for user {user} by (uid=0)"),
            (12, "session closed for user {user}"),
            (3, "ALERT exited abnormally with [1]"),
            (2, "(exit status {digit})"),
            (2, "klogd 1.4.1, log source = /proc/kmsg started."),
            (2, "CPU {digit} irqstacks, hard=0x{hex8} soft=0x{hex8}"),
            (2, "BIOS-e820: {hex16} - {hex16} ({usable|reserved})"),
            (2, "ACPI: IRQ{digit} SCI: Level Trigger."),
            (2, "audit(11{int}.{int}:0): initialized"),
            (2, "Kernel command line: ro root=LABEL=/ rhgb quiet"),
        ],
    },
    Format {
        name: "healthapp",
        events: &[
            (20, "calculateCaloriesWithCache totalCalories={int}"),
            (20, "calculateAltitudeWithCache totalAltitude={int}"),
            (15, "onStandStepChanged {int}"),
            (10, "onExtend:{long} {int} 0 {digit}"),
            (10, "getTodayTotalDetailSteps = {long}##{int}##{int}##{int}##{int}##{int}"),
            (10, "setTodayTotalDetailSteps={long}##{int}##{int}##{int}##{int}##{int}"),
            (6, "REPORT : {int} {int} {int} {int}"),
            (3, "processHandleBroadcastAction action:android.intent.action.{SCREEN_ON|SCREEN_OFF|TIME_TICK}"),
            (2, "flush sensor data"),
            (2, "upLoadOneMinuteDataToEngine time={int},{int},{int},{int},{int}"),
        ],
    },
    Format {
        name: "windows",
        events: &[
            (20, "SQM: Initializing online with Windows opt-in: {True|False}"),
            (
                15,
                "Loaded Servicing Stack v6.1.7601.{int} with Core: C:\\Windows\\winsxs\\amd64_microsoft-windows-servicingstack_{hex16}_6.1.7601.{int}_none_{hex16}\\cbscore.dll",
            ),
            (
                12,
                "SQM: Failed to start upload with file pattern: C:\\Windows\\servicing\\sqm\\*_std.sqm, flags: 0x{digit} [HRESULT = 0x{hex8} - E_FAIL]",
            ),
            (10, "Session: {int}_{int} initialized by client {WindowsUpdateAgent|SPP|RMT}."),
            (
                10,
                "Read out cached package applicability for package: Package_for_KB{int}~{hex16}~amd64~~6.1.1.{digit}, ApplicableState: {int}, CurrentState:{int}",
            ),
            (8, "Warning: Unrecognized packageExtended attribute."),
            (6, "Expecting attribute name [HRESULT = 0x{hex8} - CBS_E_MANIFEST_INVALID_ITEM]"),
            (6, "Failed to get next element [HRESULT = 0x{hex8} - CBS_E_MANIFEST_INVALID_ITEM]"),
            (4, "Starting TrustedInstaller initialization."),
            (4, "Ending TrustedInstaller initialization."),
            (3, "Starting the TrustedInstaller main loop."),
            (3, "Ending the TrustedInstaller main loop."),
            (2, "{hex8} Created NT transaction (seq {int}) result 0x{hex8}, handle @0x{int}"),
        ],
    },
];
