using Fluxd.Transports.Quic.Native;
using Xunit;

namespace Fluxd.Testing.Quic;

/// <summary>A test that needs libngtcp2; skipped with the reason where it is missing. Every one has a timeout.</summary>
public class QuicFactAttribute : FactAttribute
{
    public QuicFactAttribute()
    {
        Timeout = 60_000;
        var state = QuicLibraries.Probe();
        if (!state.IsAvailable)
        {
            Skip = state.Message;
        }
    }
}
