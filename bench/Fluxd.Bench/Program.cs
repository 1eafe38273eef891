using System.Globalization;
using Fluxd.Bench;

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
    default:
        Console.Error.WriteLine("cut-hash | packs DIR MIB | dedup SOURCE off|auto DIR");
        return 2;
}
return 0;
