namespace Fluxd.Store.Packs.Codecs;

/// <summary>What <c>[store] compression</c> asks for.</summary>
public enum CompressionMode
{
    /// <summary>Store every chunk raw.</summary>
    Off,

    /// <summary>Compress chunks of files that aren't compressed already, where a probe says that it pays.</summary>
    Auto,

    /// <summary>Try every chunk of every file.</summary>
    On,
}
