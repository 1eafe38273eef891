using System.Security.Cryptography;
using System.Text;

namespace Fluxd.Transports.Client;

/// <summary>
/// Which upload session belongs to which local file, kept over runs as one tiny file per transfer. A changed file has
/// another key, so its old session is never continued with new bytes.
/// </summary>
public sealed class ResumeNotes(string folder)
{
    public string? Find(string key)
    {
        var path = PathOf(key);
        try
        {
            return File.Exists(path) ? File.ReadAllText(path) : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    public void Remember(string key, string uploadId)
    {
        Directory.CreateDirectory(folder);
        var temporary = PathOf(key) + ".new";
        File.WriteAllText(temporary, uploadId);
        File.Move(temporary, PathOf(key), overwrite: true);
    }

    public void Forget(string key) => File.Delete(PathOf(key));

    private string PathOf(string key) => Path.Combine(folder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))[..32]);
}
