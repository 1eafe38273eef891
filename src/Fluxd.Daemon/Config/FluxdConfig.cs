namespace Fluxd.Daemon.Config;

/// <summary>
/// Everything that can be set, one immutable snapshot. Property names in snake_case are the keys, the initial values the
/// defaults; <c>fluxd.toml.example</c> is printed from here.
/// </summary>
internal sealed record FluxdConfig
{
    public DaemonConfig Daemon { get; init; } = new();

    public StoreConfig Store { get; init; } = new();

    public SftpConfig Sftp { get; init; } = new();

    public HttpConfig Http { get; init; } = new();

    public QuicConfig Quic { get; init; } = new();

    public TlsConfig Tls { get; init; } = new();

    public NetConfig Net { get; init; } = new();

    public AdminConfig Admin { get; init; } = new();

    public LimitsConfig Limits { get; init; } = new();

    public LogConfig Log { get; init; } = new();

    public TelemetryConfig Telemetry { get; init; } = new();
}

internal sealed record DaemonConfig
{
    [Key("What the daemon itself keeps (host keys, self-made certificate, the store's id); empty: systemd's state directory, else the store's path with .state")]
    public string State { get; init; } = "";

    [Key("How long a stop waits for running transfers", Min = 0, Max = 3600, Live = true)]
    public Duration Drain { get; init; } = Duration.Seconds(30);
}

internal sealed record StoreConfig
{
    [Key("The folder with everybody's files; made by fluxctl store init, never by a start")]
    public string Path { get; init; } = "/var/lib/fluxd/store";

    [Key("The catalogue on another, faster disk; empty: in the store's folder")]
    public string CatalogPath { get; init; } = "";

    [Key("zstd for what gets smaller by it: auto asks a probe, on always tries", OneOf = "auto|on|off")]
    public string Compression { get; init; } = "auto";

    [Key("How long replaced and removed files can be brought back", Min = 0, Live = true)]
    public Duration Retention { get; init; } = Duration.Days(30);

    [Key("Room for old versions as a share of each user's quota, in percent", Min = 0, Max = 1000, Live = true)]
    public int VersionsPercent { get; init; } = 100;

    [Key("How long an unfinished upload can be resumed", Min = 60, Live = true)]
    public Duration UploadExpiry { get; init; } = Duration.Days(7);

    [Key("Uploads are refused when less than this is free on the disk", Live = true)]
    public ByteSize KeepFree { get; init; } = new(1L << 30);

    [Key("Once a day the room of what nothing refers to any more is given back; false: only by fluxctl store gc", Live = true)]
    public bool Gc { get; init; } = true;

    [Key("What that moves a second at most; 0: as fast as the disk can", Live = true)]
    public ByteSize GcRate { get; init; } = new(40L << 20);

    [Key("Every hour a stretch of the packs is read and compared, all of them once a month; false: only by fluxctl store scrub", Live = true)]
    public bool Scrub { get; init; } = true;

    [Key("What that reads a second at most; 0: as fast as the disk can", Live = true)]
    public ByteSize ScrubRate { get; init; } = new(20L << 20);
}

internal sealed record SftpConfig
{
    [Key("SFTP and scp over SSH")]
    public bool Enabled { get; init; } = true;

    [Key("host:port, any number of them")]
    public string[] Listen { get; init; } = ["127.0.0.1:2022", "[::1]:2022"];

    [Key("Folder of the host keys, made at the first start; empty: in the state folder")]
    public string HostKeys { get; init; } = "";

    [Key("Files with public keys of authorities whose user certificates may log in")]
    public string[] UserCa { get; init; } = [];

    [Key("Also offer older algorithms (nistp, dh14, hmac-sha2-256) for clients of before 2015")]
    public bool Compat { get; init; }

    [Key("Time to log in, counted from the connection", Min = 5, Max = 600)]
    public Duration LoginGrace { get; init; } = Duration.Seconds(45);

    [Key("Connections of one address that have not logged in yet", Min = 1, Max = 10000)]
    public int UnauthenticatedPerAddress { get; init; } = 100;

    [Key("Connections that have not logged in yet, all together", Min = 1, Max = 100000)]
    public int UnauthenticatedMax { get; init; } = 2000;
}

internal sealed record HttpConfig
{
    [Key("The HTTP API, its page, /health, /ready and /metrics")]
    public bool Enabled { get; init; } = true;

    [Key("host:port without TLS; beyond this machine only behind a trusted proxy")]
    public string[] Listen { get; init; } = ["127.0.0.1:8080", "[::1]:8080"];

    [Key("host:port with TLS")]
    public string[] ListenTls { get; init; } = [];

    [Key("Addresses or networks whose Forwarded headers are believed", Live = true)]
    public string[] TrustedProxies { get; init; } = [];

    [Key("Every connection begins with a PROXY header (v1 or v2) and comes from trusted_proxies; headers then say nothing about the client")]
    public bool ProxyProtocol { get; init; }

    [Key("Listen beyond this machine without TLS although passwords would travel in the clear")]
    public bool AllowPlain { get; init; }

    [Key("Origins of other pages that may use the API; empty: only our own", Live = true)]
    public string[] CorsOrigins { get; init; } = [];

    [Key("The address under which people reach this server, for links that it makes; empty: what the request names", Live = true)]
    public string PublicUrl { get; init; } = "";
}

internal sealed record QuicConfig
{
    [Key("HTTP/3 and fluxd/1 over UDP")]
    public bool Enabled { get; init; } = true;

    [Key("host:port, UDP")]
    public string[] Listen { get; init; } = ["127.0.0.1:8443"];

    [Key("Which QUIC library: auto takes ngtcp2", OneOf = "auto|ngtcp2|msquic")]
    public string Engine { get; init; } = "auto";

    [Key("auto: BBR beyond the local network, the library's own choice on it", OneOf = "auto|bbr|cubic")]
    public string Congestion { get; init; } = "auto";

    [Key("Connections of one address (IPv6: one /64), so that nobody takes all of them; an office behind one address needs one for each client. ngtcp2 only", Min = 1, Max = 8192)]
    public int ConnectionsPerAddress { get; init; } = 256;
}

internal sealed record TlsConfig
{
    [Key("PEM file with the certificate and its chain; left out: systemd's credential tls.cert, else self-made, pinned by its fingerprint", Credential = true)]
    public string Cert { get; init; } = "";

    [Key("PEM file with its private key; left out: systemd's credential tls.key", Credential = true)]
    public string Key { get; init; } = "";
}

internal sealed record NetConfig
{
    [Key("Congestion control of TCP: auto asks the kernel for BBR beyond the local network", OneOf = "auto|system|bbr|cubic")]
    public string Congestion { get; init; } = "auto";
}

internal sealed record AdminConfig
{
    [Key("The Unix socket that fluxctl talks to")]
    public string Socket { get; init; } = "/run/fluxd/fluxd.sock";

    [Key("Members of this group may administer besides root and the daemon's own user")]
    public string Group { get; init; } = "fluxd";
}

internal sealed record LimitsConfig
{
    [Key("Requests of one signed-in client per second", Min = 1, Max = 100000, Live = true)]
    public int RequestsPerSecond { get; init; } = 100;

    [Key("Requests that may come at once", Min = 1, Max = 100000, Live = true)]
    public int RequestsBurst { get; init; } = 200;

    [Key("Connections of all frontends together", Min = 1, Max = 1000000)]
    public int Connections { get; init; } = 10000;

    [Key("Sessions of one user at once", Min = 1, Max = 10000, Live = true)]
    public int SessionsPerUser { get; init; } = 100;
}

internal sealed record LogConfig
{
    [Key("From this on upwards", OneOf = "trace|debug|info|warn|error", Live = true)]
    public string Level { get; init; } = "info";

    [Key("auto: the journal where systemd offers it, else lines with a priority", OneOf = "auto|journal|text|json")]
    public string Format { get; init; } = "auto";

    [Key("A line for each HTTP request, only for those that were refused, or none", OneOf = "all|errors|off", Live = true)]
    public string Requests { get; init; } = "all";

    [Key("Whole paths with file names in those lines, instead of the call's pattern", Live = true)]
    public bool Names { get; init; }
}

internal sealed record TelemetryConfig
{
    [Key("Who may read /metrics: loopback, anyone, or nobody", OneOf = "loopback|any|off", Live = true)]
    public string Metrics { get; init; } = "loopback";

    [Key("Send metrics and traces to this OTLP collector: http://host:4317 by gRPC, http://host:4318 or with a path by HTTP; empty: nowhere")]
    public string Otlp { get; init; } = "";

    [Key("Transfers whose timelines are remembered for fluxctl why", Min = 10, Max = 100000)]
    public int Transfers { get; init; } = 2000;
}
