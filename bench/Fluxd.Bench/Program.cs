using System.Globalization;
using Fluxd.Bench;
using Fluxd.Bench.Wan;

// The store in a process of its own, with work to do. Most commands measure: each prints lines of "name value", and a
// script in bench/ makes ratios of them and of what a user would take instead. "live" is there to be killed.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
switch (args)
{
    case ["cut-hash"]:
        CutAndHash.Run();
        break;
    case ["packs", var folder, var mebibytes]:
        PackWrites.Run(folder, Number(mebibytes));
        break;
    case ["tree", var source, var compression, var folder]:
        await TreeIngest.RunAsync(source, compression, folder);
        break;
    case ["big-file", var source, var folder]:
        await BigFile.PutAsync(source, folder);
        break;
    case ["upload", var folder, var mebibytes]:
        await BigFile.UploadAsync(folder, Number(mebibytes));
        break;
    case ["complete", var folder, var turns]:
        await Completion.RunAsync(folder, Number(turns));
        break;
    case ["many", var folder, var count, var bytes]:
        await ManyFiles.RunAsync(folder, Number(count), Number(bytes), clients: 256);
        break;
    case ["many", var folder, var count, var bytes, var clients]:
        await ManyFiles.RunAsync(folder, Number(count), Number(bytes), Number(clients));
        break;
    case ["index", var folder, var rows]:
        await IndexRows.RunAsync(folder, Number(rows));
        break;
    case ["socket", var source, var folder]:
        await SocketRead.RunAsync(source, folder);
        break;
    case ["live", var folder, var seed]:
        await LiveClients.RunAsync(folder, Number(seed));
        break;
    case ["wan", var clientSpace, var serverSpace, .. var shape]:
        WanLink.Run(clientSpace, serverSpace, shape);
        break;
    case ["first-byte", var server, var password, var path]:
        await FirstByte.RunAsync(server, password, path);
        break;
    default:
        Console.Error.WriteLine("""
            cut-hash | packs DIR MIB | tree SOURCE off|auto DIR | big-file FILE DIR | upload DIR MIB | complete DIR TURNS | many DIR COUNT BYTES [CLIENTS]
            index DIR ROWS | socket FILE DIR | live DIR SEED | wan NETNS NETNS rtt=MS loss=PERCENT rate=MBIT
            first-byte ADDRESS:PORT PASSWORD PATH
            """);
        return 2;
}

return 0;

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
