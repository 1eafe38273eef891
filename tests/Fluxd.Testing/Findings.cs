using Fluxd.Core.Admin;
using Xunit;

namespace Fluxd.Testing;

/// <summary>What a doctor's round found.</summary>
public static class Findings
{
    /// <summary>There is one of this name, in this state, with a cure just where one is due.</summary>
    public static CheckRecord Is(IReadOnlyList<CheckRecord> checks, string name, CheckState state, string? cure = null)
    {
        var check = checks.Single(check => check.Name == name);
        Assert.True(check.State == state, check.ToString());
        Assert.True(cure is null || check.Cure!.Contains(cure, StringComparison.Ordinal), check.ToString());
        Assert.Equal(check.State is CheckState.Warning or CheckState.Bad, check.Cure is not null);
        return check;
    }
}
