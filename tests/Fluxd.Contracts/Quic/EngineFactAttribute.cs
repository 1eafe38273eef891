using Fluxd.Transports.Quic;
using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Fluxd.Contracts.Quic;

/// <summary>The engine of QUIC that a class runs the contract on, by its name in the configuration.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class EngineAttribute(string name) : Attribute
{
    public string Name => name;
}

/// <summary>A test of the contract of QUIC's engines; skipped with the reason where the class's engine can't run. Every one has a timeout.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("Fluxd.Contracts.Quic.EngineFactDiscoverer", "Fluxd.Contracts")]
public sealed class EngineFactAttribute : FactAttribute
{
    public EngineFactAttribute() => Timeout = 60_000;
}

/// <summary>A test that is inherited can't know in its attribute which engine it will run on; the class that runs it does.</summary>
public sealed class EngineFactDiscoverer(IMessageSink messages) : FactDiscoverer(messages)
{
    protected override IXunitTestCase CreateTestCase(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute)
    {
        var engine = testMethod.TestClass.Class.GetCustomAttributes(typeof(EngineAttribute)).Single().GetNamedArgument<string>(nameof(EngineAttribute.Name));

        // Its peer is our own client, whichever engine serves.
        var why = QuicFrontend.WhyUnavailable(engine) ?? QuicFrontend.WhyUnavailable("ngtcp2");
        return why is null
            ? base.CreateTestCase(discoveryOptions, testMethod, factAttribute)
            : new XunitSkippedDataRowTestCase(
                DiagnosticMessageSink, discoveryOptions.MethodDisplayOrDefault(), discoveryOptions.MethodDisplayOptionsOrDefault(), testMethod, why);
    }
}
