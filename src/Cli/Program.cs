Console.WriteLine("stof");
