namespace Fluxd.Transports.Net;

/// <summary>A feature of connections that give their peer little room until somebody knows who that is.</summary>
internal interface IWaryConnection
{
    /// <summary>The peer showed a good credential. May be called for each request; the first counts.</summary>
    void Trust();
}
