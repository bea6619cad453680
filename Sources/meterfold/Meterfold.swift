@main struct Meterfold { static func main() {} }
