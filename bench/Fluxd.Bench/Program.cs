using System.Globalization;
using Fluxd.Bench;
using Fluxd.Bench.Wan;

// Small measurements that a script in bench/ puts beside what a user would take instead. Each prints lines of
// "name value"; the script makes the ratios.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
switch (args)
{
    case ["cut-hash"]:
        CutAndHash.Run();
        break;
    case ["packs", var folder, var mebibytes]:
        PackWrites.Run(folder, int.Parse(mebibytes, CultureInfo.InvariantCulture));
        break;
    case ["dedup", var source, var compression, var folder]:
        await DedupIngest.RunAsync(source, compression, folder);
        break;
    case ["wan", var clientSpace, var serverSpace, .. var shape]:
        WanLink.Run(clientSpace, serverSpace, shape);
        break;
    default:
        Console.Error.WriteLine("cut-hash | packs DIR MIB | dedup SOURCE off|auto DIR | wan NETNS NETNS rtt=MS loss=PERCENT rate=MBIT");
        return 2;
}
return 0;
