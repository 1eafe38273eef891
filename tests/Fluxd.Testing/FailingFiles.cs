using System.Reflection;
using Fluxd.Core.Files;

namespace Fluxd.Testing;

/// <summary>A tree whose reads and openings all fail with one error, to walk each through a frontend.</summary>
public class FailingFiles : DispatchProxy
{
    private IFiles _inner = null!;
    private Exception _error = null!;

    public static IFiles Make(IFiles inner, Exception error)
    {
        var proxy = Create<IFiles, FailingFiles>();
        var self = (FailingFiles)(object)proxy;
        (self._inner, self._error) = (inner, error);
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        targetMethod!.Name is nameof(IFiles.OpenAsync) or nameof(IFiles.StatAsync) or nameof(IFiles.ListAsync) ? throw _error : targetMethod.Invoke(_inner, args);
}
