using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fluxd.Core;
using Fluxd.Transports.Quic.Native;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>GnuTLS sessions for both roles, and the credentials behind them. Loop thread, except the constructor.</summary>
internal sealed unsafe class QuicTls : IDisposable
{
    private readonly void* _priority;
    private readonly void* _clientCredentials;
    private GnuTlsDatum _ticketKey;
    private TlsCredentials? _server;

    public QuicTls()
    {
        void* priority;
        GnuTls.Check(GnuTls.gnutls_priority_init(&priority, GnuTls.Priority, null), "reading the cipher list");
        _priority = priority;
        void* credentials;
        GnuTls.Check(GnuTls.gnutls_certificate_allocate_credentials(&credentials), "making client credentials");
        _clientCredentials = credentials;
        fixed (GnuTlsDatum* key = &_ticketKey)
        {
            GnuTls.Check(GnuTls.gnutls_session_ticket_key_generate(key), "making a ticket key");
        }
    }

    /// <returns>A session; <paramref name="credentials"/> must be released after it.</returns>
    public void* NewServerSession(TlsCertificate certificate, IReadOnlyList<string> protocols, out TlsCredentials credentials)
    {
        credentials = Credentials(certificate);
        void* session;
        GnuTls.Check(GnuTls.gnutls_init(&session, GnuTls.Server | GnuTls.NoAutoSendTicket | GnuTls.NoEndOfEarlyData), "starting a session");
        try
        {
            GnuTls.Check(GnuTls.gnutls_priority_set(session, _priority), "setting ciphers");
            fixed (GnuTlsDatum* key = &_ticketKey)
            {
                GnuTls.Check(GnuTls.gnutls_session_ticket_enable_server(session, key), "enabling tickets");
            }

            GnuTls.Check(NgTcp2Crypto.ngtcp2_crypto_gnutls_configure_server_session(session), "configuring QUIC");
            GnuTls.Check(GnuTls.gnutls_credentials_set(session, GnuTls.CredentialsCertificate, credentials.Handle), "setting the certificate");
            SetProtocols(session, protocols);
        }
        catch
        {
            GnuTls.gnutls_deinit(session);
            throw;
        }

        credentials.Acquire();
        return session;
    }

    public void* NewClientSession(string serverName, string protocol)
    {
        void* session;
        GnuTls.Check(GnuTls.gnutls_init(&session, GnuTls.Client | GnuTls.NoEndOfEarlyData), "starting a session");
        try
        {
            GnuTls.Check(GnuTls.gnutls_priority_set(session, _priority), "setting ciphers");
            GnuTls.Check(NgTcp2Crypto.ngtcp2_crypto_gnutls_configure_client_session(session), "configuring QUIC");
            GnuTls.Check(GnuTls.gnutls_credentials_set(session, GnuTls.CredentialsCertificate, _clientCredentials), "setting credentials");
            if (!System.Net.IPAddress.TryParse(serverName, out _)) // an address is no name (RFC 6066, 3)
            {
                var name = Encoding.ASCII.GetBytes(serverName);
                fixed (byte* bytes = name)
                {
                    GnuTls.Check(GnuTls.gnutls_server_name_set(session, GnuTls.NameDns, bytes, (nuint)name.Length), "setting the server's name");
                }
            }

            SetProtocols(session, [protocol]);
            return session;
        }
        catch
        {
            GnuTls.gnutls_deinit(session);
            throw;
        }
    }

    public static string SelectedProtocol(void* session)
    {
        GnuTlsDatum name;
        return GnuTls.gnutls_alpn_get_selected_protocol(session, &name) == 0 ? Encoding.ASCII.GetString(name.Data, (int)name.Size) : "";
    }

    public static List<X509Certificate2> PeerCertificates(void* session)
    {
        uint count = 0;
        var data = GnuTls.gnutls_certificate_get_peers(session, &count);
        var certificates = new List<X509Certificate2>();
        for (var i = 0u; data != null && i < count; i++)
        {
            certificates.Add(X509CertificateLoader.LoadCertificate(new ReadOnlySpan<byte>(data[i].Data, (int)data[i].Size)));
        }

        return certificates;
    }

    private static void SetProtocols(void* session, IReadOnlyList<string> protocols)
    {
        var bytes = Encoding.ASCII.GetBytes(string.Concat(protocols));
        var data = stackalloc GnuTlsDatum[protocols.Count];
        fixed (byte* start = bytes)
        {
            var at = start;
            for (var i = 0; i < protocols.Count; i++)
            {
                data[i] = new GnuTlsDatum { Data = at, Size = (uint)protocols[i].Length };
                at += protocols[i].Length;
            }

            GnuTls.Check(
                GnuTls.gnutls_alpn_set_protocols(session, data, (uint)protocols.Count, GnuTls.AlpnMandatory | GnuTls.AlpnServerPrecedence),
                "setting protocols");
        }
    }

    private TlsCredentials Credentials(TlsCertificate certificate)
    {
        if (_server is not null && _server.IsFor(certificate))
        {
            return _server;
        }

        var renewed = new TlsCredentials(certificate);
        renewed.Acquire();
        _server?.Release();
        return _server = renewed;
    }

    public void Dispose()
    {
        _server?.Release();
        GnuTls.gnutls_certificate_free_credentials(_clientCredentials);
        GnuTls.gnutls_priority_deinit(_priority);
        System.Runtime.InteropServices.NativeMemory.Free(_ticketKey.Data); // from the C library's allocator
    }
}

/// <summary>One certificate in GnuTLS's form; lives until the last session that uses it is gone. Loop thread.</summary>
internal sealed unsafe class TlsCredentials
{
    private readonly TlsCertificate _certificate;
    private int _users;

    public TlsCredentials(TlsCertificate certificate)
    {
        _certificate = certificate;
        void* handle;
        GnuTls.Check(GnuTls.gnutls_certificate_allocate_credentials(&handle), "making credentials");
        Handle = handle;
        var chain = Encoding.ASCII.GetBytes(string.Join('\n', certificate.Chain.Prepend(certificate.Leaf).Select(c => c.ExportCertificatePem())));
        var key = Encoding.ASCII.GetBytes(PrivateKeyPem(certificate.Leaf));
        try
        {
            fixed (byte* chainBytes = chain, keyBytes = key)
            {
                var chainData = new GnuTlsDatum { Data = chainBytes, Size = (uint)chain.Length };
                var keyData = new GnuTlsDatum { Data = keyBytes, Size = (uint)key.Length };
                GnuTls.Check(GnuTls.gnutls_certificate_set_x509_key_mem(handle, &chainData, &keyData, GnuTls.X509Pem), "reading the certificate");
            }
        }
        catch
        {
            GnuTls.gnutls_certificate_free_credentials(handle);
            throw;
        }
        finally
        {
            System.Security.Cryptography.CryptographicOperations.ZeroMemory(key);
        }
    }

    public void* Handle { get; }

    public bool IsFor(TlsCertificate certificate) =>
        ReferenceEquals(_certificate.Leaf, certificate.Leaf)
        || _certificate.Leaf.RawDataMemory.Span.SequenceEqual(certificate.Leaf.RawDataMemory.Span);

    public void Acquire() => _users++;

    public void Release()
    {
        if (--_users == 0)
        {
            GnuTls.gnutls_certificate_free_credentials(Handle);
        }
    }

    private static string PrivateKeyPem(X509Certificate2 certificate)
    {
        using var ec = certificate.GetECDsaPrivateKey();
        using var rsa = ec is null ? certificate.GetRSAPrivateKey() : null;
        return ec?.ExportPkcs8PrivateKeyPem() ?? rsa?.ExportPkcs8PrivateKeyPem()
            ?? throw new FluxException(FluxError.Invalid, "QUIC needs a certificate with an EC or RSA private key.");
    }
}
